extern ex {
    ex();
    abstract void f();
}
package p(ex e);
p(ex()) main;
// error: 6:3: ex has abstract methods: declare an instance of it
