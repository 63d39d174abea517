// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_HTTP_GET_H_
#define LORA_TESTS_SUPPORT_HTTP_GET_H_

#include <string>

namespace lora {

// What 127.0.0.1:`port` answers to `GET path`, with its headers; empty if
// nobody listens there.
std::string HttpGet(int port, const std::string& path);

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_HTTP_GET_H_
