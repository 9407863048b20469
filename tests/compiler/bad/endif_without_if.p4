const bit<8> A = 1;
#endif
// error: 2:2: #endif without #if
