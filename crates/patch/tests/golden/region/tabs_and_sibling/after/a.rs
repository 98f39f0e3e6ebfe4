impl A {
	fn a() {
		one();
	}

	fn c() {
		three();
	}

	fn b() {
		two();
	}
}
