import os


def area(w, h):
    return w * h


def name(path):
    assert path
    return os.path.basename(path)
