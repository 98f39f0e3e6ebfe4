import os


def area(w, h):
    return w * h


def name(path):
    return os.path.basename(path)
