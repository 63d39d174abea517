// SPDX-License-Identifier: Apache-2.0
#include "server/base/trim_memory.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace lora {

void TrimMemory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace lora
