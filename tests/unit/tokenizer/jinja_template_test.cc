// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_template.h"

#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/jinja_test_util.h"

namespace lora::jinja {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(JinjaTemplateTest, ErrorsNameTheLine) {
  EXPECT_THAT(Render("a\n{% if true %}\n{{ raise_exception('no: ' ~ 1) }}\n"
                     "{% endif %}"),
              AllOf(StatusIs(absl::StatusCode::kInvalidArgument,
                             ErrorReason::kChatTemplate),
                    MessageIs(AllOf(HasSubstr("line 3"), HasSubstr("no: 1")))));
}

TEST(JinjaTemplateTest, VariablesHideGlobals) {
  EXPECT_THAT(Render("{{ range }}", Json{{"range", 5}}), IsOkAndHolds("5"));
}

TEST(JinjaTemplateTest, ValuesCannotBeChanged) {
  const Json variables{{"l", {1}}, {"d", {{"a", 1}}}};
  for (const char* expression :
       {"l.append(2)", "l.pop()", "l.sort()", "d.update({})", "d.pop('a')",
        "d.setdefault('b', 1)", "d.clear()"}) {
    EXPECT_THAT(Print(expression, variables),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << expression;
    EXPECT_THAT(Print(expression, variables), MessageIs(HasSubstr("change")))
        << expression;
  }
  // A key of that name is a key.
  EXPECT_THAT(Print("d.pop", Json{{"d", {{"pop", 3}}}}), IsOkAndHolds("3"));
}

TEST(JinjaTemplateTest, OnlyNamespacesTakeMembers) {
  EXPECT_THAT(Render("{% set d.x = 1 %}", Json{{"d", Json::object()}}),
              MessageIs(HasSubstr("namespace")));
  EXPECT_THAT(Render("{% set zz.x = 1 %}"), MessageIs(HasSubstr("\"zz\"")));
}

TEST(JinjaTemplateTest, MethodsThatAreMissingAreNamed) {
  EXPECT_THAT(Print("'a'.format(1)"),
              AllOf(StatusIs(absl::StatusCode::kUnimplemented),
                    MessageIs(HasSubstr("\"format\""))));
  EXPECT_THAT(Print("'a'.nonsense()"),
              AllOf(StatusIs(absl::StatusCode::kInvalidArgument),
                    MessageIs(HasSubstr("nonsense"))));
  EXPECT_THAT(Render("{% for a in [1] %}{{ loop.changed(a) }}{% endfor %}"),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(JinjaTemplateTest, WrongArgumentsAreNamed) {
  for (const char* expression :
       {"'a'.strip(1)", "'a'.strip('a', 'b')", "'a'.strip(x='a')",
        "'a'.upper(1)", "'a'|replace('a')", "'a'|indent(width=2, width=3)",
        "[1]|join(1, 2, 3)", "1 is even(2)", "1 is divisibleby", "range()",
        "range(1, 2, 0)", "{}.get()", "[1].index()", "strftime_now()",
        "namespace(1)", "dict([1], [2])"}) {
    EXPECT_THAT(Print(expression), StatusIs(absl::StatusCode::kInvalidArgument,
                                            ErrorReason::kChatTemplate))
        << expression;
  }
}

TEST(JinjaTemplateTest, MapAndSelectNeedNamesThatExist) {
  EXPECT_THAT(Print("[1]|map('nonsense')"),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(Print("[1]|select('nonsense')|list"),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(JinjaTemplateTest, NamespacesMayReferToEachOther) {
  EXPECT_THAT(
      Render("{% set a = namespace() %}{% set b = namespace(a=a) %}"
             "{% set a.b = b %}{% set a.f = a %}{{ a.b.a.b is defined }}"),
      IsOkAndHolds("True"));
}

TEST(JinjaTemplateTest, TheDateIsThatOfTheCaller) {
  const auto parsed = Template::Parse("{{ strftime_now('%Y-%m-%d') }}");
  ASSERT_THAT(parsed, IsOk());
  const absl::Time time =
      absl::FromCivil(absl::CivilDay(2026, 3, 4), absl::LocalTimeZone());
  EXPECT_THAT(parsed->Render({}, time), IsOkAndHolds("2026-03-04"));
  EXPECT_THAT(Print("strftime_now('')"), IsOkAndHolds(""));
  EXPECT_THAT(Print("strftime_now('%A' * 4000)"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(JinjaTemplateTest, NothingThatATemplateDoesIsEndless) {
  const char* loop = "{% for a in range(100000) %}";
  const std::string sources[] = {
      absl::StrCat(loop, loop, loop, "{% endfor %}{% endfor %}{% endfor %}"),
      absl::StrCat("{% set ns = namespace(t='aaaaaaaaaaaaaaaa') %}", loop,
                   "{% set ns.t = ns.t ~ ns.t %}{% endfor %}"),
      absl::StrCat("{% set ns = namespace(l=[1]) %}", loop,
                   "{% set ns.l = ns.l + ns.l %}{% endfor %}"),
      absl::StrCat(loop, "{{ 'a' * 10000 }}{% endfor %}"),
      absl::StrCat("{% set t = 'ab' * 1000000 %}", loop,
                   "{% set u = t[::-1] %}{% endfor %}"),
      absl::StrCat("{% set t = 'ab' * 1000000 %}", loop,
                   "{{ t.count('b') }}{{ 'x' in t }}{% endfor %}"),
      absl::StrCat("{% set t = 'ab' * 1000000 %}", loop,
                   "{{ t[5] }}{% endfor %}"),
      absl::StrCat("{% set l = range(100000)|list %}", loop,
                   "{{ l|sort|first }}{% endfor %}"),
      absl::StrCat("{% set l = range(100000)|list %}", loop,
                   "{{ l|unique|first }}{% endfor %}"),
      absl::StrCat("{{ 'a' * 10000000 }}", "{{ 'b'.replace('', 'a' * ",
                   "10000000) * 10 }}"),
      "{% macro m(t) %}{{ m(t ~ 'a') }}{% endmacro %}{{ m('') }}",
      "{% macro m() %}{{ n() }}{% endmacro %}{% macro n() %}{{ m() }}"
      "{% endmacro %}{{ m() }}",
  };
  for (const std::string& source : sources) {
    EXPECT_THAT(Render(source), StatusIs(absl::StatusCode::kResourceExhausted,
                                         ErrorReason::kChatTemplate))
        << source;
  }
}

TEST(JinjaTemplateTest, ValuesCannotBeNestedWithoutEnd) {
  for (const char* wrap : {"[ns.v]", "(ns.v,)", "{'k': ns.v}", "ns.v|list"}) {
    const std::string source = absl::StrCat(
        "{% set ns = namespace(v=[1]) %}{% for a in range(1000) %}"
        "{% set ns.v = [",
        wrap, "] %}{% endfor %}");
    EXPECT_THAT(Render(source), MessageIs(HasSubstr("nested"))) << wrap;
  }
}

TEST(JinjaTemplateTest, MutatedTemplatesRenderOrAreRefused) {
  const std::string seed =
      "{%- set ns = namespace(n=0) -%}{% for m in l if m %}{{ loop.index }}"
      "{{ m|tojson(indent=2) }}{% set ns.n = ns.n + 1 %}{% else %}x\n"
      "{% endfor %}{% macro f(a, b='c') %}{{ a[1:] ~ b.split(',')[0] }}"
      "{% endmacro %}{{ f('xyz') if ns.n is odd else f(d.k, b=\"q\") }}"
      "{# c #}{{ -1 + 2 ** 3 // 4 }} {{ [1, (2, 3), {'a': none}]|join }}";
  const Json variables{{"l", {1, "a", nullptr}}, {"d", {{"k", "vw"}}}};
  const absl::string_view scraps[] = {"{{",  "}}", "{%",  "%}", "{#", "'",
                                      "(",   ")",  "[",   "]",  "|",  ".",
                                      " is", "-",  "for", "\\", ":",  "%"};
  std::mt19937 random(1);
  int num_rendered = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string source = seed;
    for (int i = static_cast<int>(random() % 3); i >= 0; --i) {
      const size_t at = random() % source.size();
      switch (random() % 3) {
        case 0:
          source.erase(at, random() % 5);
          break;
        case 1:
          source.insert(at, std::string(scraps[random() % std::size(scraps)]));
          break;
        default:
          source[at] = static_cast<char>(random() % 128);
          break;
      }
    }
    const absl::StatusOr<std::string> text = Render(source, variables);
    if (text.ok()) {
      ++num_rendered;
      continue;
    }
    EXPECT_EQ(GetErrorReason(text.status()), ErrorReason::kChatTemplate)
        << text.status() << "\n"
        << source;
  }
  EXPECT_GT(num_rendered, 100);
}

}  // namespace
}  // namespace lora::jinja
