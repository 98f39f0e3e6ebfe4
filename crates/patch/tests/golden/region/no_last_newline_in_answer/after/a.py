import os


def area(w, h, k):
    return w * h


def name(path):
    return os.path.basename(path)
