#if defined(A
#endif
// error: 1:5: ')' is missing after 'defined('
