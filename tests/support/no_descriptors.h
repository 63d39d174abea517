// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_NO_DESCRIPTORS_H_
#define LORA_TESTS_SUPPORT_NO_DESCRIPTORS_H_

#include <sys/resource.h>

#include "gtest/gtest.h"

namespace lora {

// While it lives this process can open no file: EMFILE. What is open stays so.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit none = before_;
    none.rlim_cur = 0;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_ = {};
};

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_NO_DESCRIPTORS_H_
