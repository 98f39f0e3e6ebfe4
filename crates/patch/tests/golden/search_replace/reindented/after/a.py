class A:
    def f(self):
        if x:
            go()
            go()
        else:
            stop()
