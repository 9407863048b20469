#include <core.p4>
extern ex {
    ex();
}
ex() main;
// error: 5:6: 'main' must be an instance of a package
