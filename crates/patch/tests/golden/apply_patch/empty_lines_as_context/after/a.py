import os


def area(w, h=1):
    return w * h


def name(p):
    return os.path.basename(path)
