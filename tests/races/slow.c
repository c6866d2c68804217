/* LD_PRELOAD: a rename to a version of a table's metadata takes as long as SLOW_RENAME_MS says. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int rename(const char *from, const char *to) {
  static int (*real)(const char *, const char *);
  if (!real) real = dlsym(RTLD_NEXT, "rename");
  const char *wait = getenv("SLOW_RENAME_MS");
  if (wait && strstr(to, "/metadata/v") && strstr(to, ".metadata.json")) usleep(atoi(wait) * 1000);
  return real(from, to);
}
