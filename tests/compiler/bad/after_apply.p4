#include <core.p4>
control c() {
    apply {}
    action a() {}
}
// error: 4:5: nothing may follow the 'apply' block of a control
