import os


# Words.
def area(w, h):
    assert w
    return w * h


def name(path):
    return os.path.basename(path)
