#include <nowhere.p4>
// error: 1:10: cannot find the file 'nowhere.p4'
