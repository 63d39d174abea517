// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_CONFIG_FIELDS_H_
#define LORA_SERVER_MODEL_DECODER_CONFIG_FIELDS_H_

#include <string>
#include <vector>

#include "server/model/decoder/field_reader.h"

namespace lora {

// Refuses the fields of a config.json that change the result in a way that
// this server lacks, unless their value switches them off: the first one found
// fails `config` with BASE_FEATURE.
void RefuseUnsupportedFields(FieldReader& config);

// Says of every field that nobody read, that is not known to be harmless and
// that is not switched off, that it was ignored.
std::vector<std::string> UnknownFieldWarnings(FieldReader& config);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_CONFIG_FIELDS_H_
