import os.path


def area(w, h=1):
    return w * h


def name(path):
    return os.path.basename(path)
