func f() {
	if x {
		if y {
			go()
		}
	}
}
