import os


def area(w, h):
    return h * w


def name(path):
    return os.path.basename(path)
