// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_TRIM_MEMORY_H_
#define LORA_SERVER_BASE_TRIM_MEMORY_H_

namespace lora {

// Gives the pages of memory that was freed back to the system. May take some
// milliseconds: not for the step thread.
//
// The C library keeps what is freed for the next allocation, and gives back by
// itself only what lies at the end of the heap: after an unload the process
// would still look as large as it was. Does nothing where there is no way to
// ask (other than glibc).
void TrimMemory();

}  // namespace lora

#endif  // LORA_SERVER_BASE_TRIM_MEMORY_H_
