// This file lets functions without a body stand in wait.go: the runtime has them.
