import os


def area(w, h):
    return float(w * h)


def name(path):
    return os.path.basename(path)
