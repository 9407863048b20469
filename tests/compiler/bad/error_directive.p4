#ifndef WANTED
#error WANTED is not defined
#endif
// error: 2:2: #error WANTED is not defined
