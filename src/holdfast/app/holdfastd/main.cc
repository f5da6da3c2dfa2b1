#include "holdfast/app/holdfastd/run.h"

int main(int argc, char** argv) { return holdfast::app::RunHoldfastd(argc, argv, nullptr); }
