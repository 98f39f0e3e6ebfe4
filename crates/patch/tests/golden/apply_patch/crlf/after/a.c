int a;
long b;
long c;
