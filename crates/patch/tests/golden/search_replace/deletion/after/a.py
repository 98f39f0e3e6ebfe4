import os


def name(path):
    return os.path.basename(path)
