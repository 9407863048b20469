#include "include_itself.p4"
// error: 1:10: 'include_itself.p4' is included too deeply: does it include itself?
