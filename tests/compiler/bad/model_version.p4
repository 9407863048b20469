#define V1MODEL_VERSION 20990101
#include <v1model.p4>
// error: 11:2: #error V1MODEL_VERSION is between 20180101 and 20200408
