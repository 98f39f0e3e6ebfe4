class A:
    def f(self):
        go()

class B:
    def f(self):
        go()
