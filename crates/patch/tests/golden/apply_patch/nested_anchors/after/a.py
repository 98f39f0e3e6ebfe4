class A:
    def f(self):
        stop()

class B:
    def f(self):
        go()
