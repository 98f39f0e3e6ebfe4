class A:
    def f(self):
        if x:
            stop()
        return
