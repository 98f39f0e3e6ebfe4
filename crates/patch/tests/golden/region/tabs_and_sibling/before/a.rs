impl A {
	fn a() {
		one();
	}

	fn b() {
		two();
	}
}
