// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/file_content.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace lora {
namespace {

struct Content {
  std::string head;
  absl::StatusCode code;
  ErrorReason reason;
};

TEST(FileContentTest, KnownForeignContentIsRefused) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  for (const Content& c : std::vector<Content>{
           {"PK\x03\x04rest", kInvalid, ErrorReason::kPickleRefused},
           {"\x80\x02\x8A\x0Al", kInvalid, ErrorReason::kPickleRefused},
           {"\x80\x05\x95", kInvalid, ErrorReason::kPickleRefused},
           {"\x80\x04", kInvalid, ErrorReason::kPickleRefused},
           {std::string(257, 'x') + "ustar", kInvalid,
            ErrorReason::kPickleRefused},
           {"version https://git-lfs.github.com/spec/v1\noid sha256:", kInvalid,
            ErrorReason::kLfsPointer},
           {"GGUF\x03", kUnimplemented, ErrorReason::kFeature},
           {"\x89HDF\r\n\x1a\n", kUnimplemented, ErrorReason::kFeature}}) {
    EXPECT_THAT(CheckFirstBytes(c.head), StatusIs(c.code, c.reason));
  }
}

TEST(FileContentTest, LengthsThatStartAsAPickleDoAreSafetensors) {
  for (const char second : {2, 3, 4, 5}) {
    std::string head = {'\x80', second, 0, 0, 0, 0, 0, 0};
    EXPECT_OK(CheckFirstBytes(head + "{\"a\""));
    head[2] = 1;
    EXPECT_OK(CheckFirstBytes(head + "{}"));
  }
}

TEST(FileContentTest, UnknownContentIsLeftToTheParser) {
  EXPECT_OK(CheckFirstBytes(""));
  EXPECT_OK(CheckFirstBytes("short"));
  EXPECT_OK(CheckFirstBytes("\x80\x06"));
}

TEST(FileContentTest, PicklesHaveTheirNames) {
  for (const char* name :
       {"adapter_model.bin", "x.pt", "x.pth", "x.ckpt", "x.pkl"}) {
    EXPECT_TRUE(HasPickleName(name)) << name;
  }
  for (const char* name :
       {"x.safetensors", "bin", "README.md", "training_args.bin",
        "optimizer.pt", "scheduler.pt", "rng_state.pth"}) {
    EXPECT_FALSE(HasPickleName(name)) << name;
  }
}

}  // namespace
}  // namespace lora
