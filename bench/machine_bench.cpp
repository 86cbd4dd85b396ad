// This machine's limits alone: no rows, only what every benchmark prints first.

#include "bench/bench.h"
