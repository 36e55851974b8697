#include <sys/prctl.h>
#include <sys/xattr.h>

/// Swift cannot call prctl, which takes a varying number of arguments.
static inline int relay_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
