fn f() {
    if x {
        a();
        b();
    }
    c();
}
