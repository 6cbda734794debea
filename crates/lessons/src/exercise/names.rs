//! The names of cases in Chinese.

use crate::language::Language;

/// What the names of blocks of weights begin with; the format follows.
const BLOCK: [&str; 2] = ["a block of ", "一块 "];

const CHINESE: &[(&str, &str)] = &[
    ("a coin", "一枚硬币"),
    ("a head", "一个头"),
    ("a large seed", "很大的种子"),
    ("a long row", "很长的一行"),
    ("a quarter turn", "转四分之一圈"),
    ("a row", "一行"),
    ("a short row", "较短的一行"),
    ("an infinity", "有无穷"),
    ("an odd row", "长度为奇数的一行"),
    ("any bits", "任意的位"),
    ("as in a model", "如模型中一般"),
    ("at temperature 1", "温度为 1"),
    ("at the end", "在两端"),
    ("beside the middle", "紧挨中点"),
    ("beyond the ends", "超出两端"),
    ("by hand", "可用手算"),
    ("cold", "低温"),
    ("eight of 32", "32 选 8"),
    ("equal letters", "相同的字母"),
    ("equal scores", "相等的得分"),
    ("fewer than sixteen", "不足十六个"),
    ("four numbers", "四个数"),
    ("four of 20", "20 选 4"),
    ("four tokens", "四个词元"),
    ("further away", "更远处"),
    ("hardly likely", "概率极小"),
    ("hot", "高温"),
    ("impossible ones", "有不可能的"),
    ("in the middle", "恰在中点"),
    ("letters of all kinds", "各种文字"),
    ("more rows", "更多行"),
    ("more than a segment", "超过一段"),
    ("more tokens", "更多词元"),
    ("near nothing", "几乎为零"),
    ("new words", "新词"),
    ("not all can be merged", "不能全部合并"),
    ("nothing", "全为零"),
    ("nothing but one", "只有一个 1"),
    ("numbers that are none", "不是数的数"),
    ("odd multiples", "奇数倍"),
    ("one candidate", "一个候选"),
    ("one element", "一个元素"),
    ("one position", "一个位置"),
    ("one record", "一条记录"),
    ("one row", "一行"),
    ("quotients and products", "商与积有别"),
    ("ruled out", "有被排除的"),
    ("scores of attention", "注意力的得分"),
    ("seven positions", "七个位置"),
    ("signed zeros", "正零与负零"),
    ("six candidates", "六个候选"),
    ("six of 64", "64 选 6"),
    ("special numbers", "特殊的数"),
    ("subnormal", "次正规数"),
    ("subnormal results", "结果为次正规数"),
    ("sum usual", "通常的和"),
    ("ten of 40", "40 选 10"),
    ("three elements", "三个元素"),
    ("three letters", "三种字母"),
    ("three letters again", "还是三种字母"),
    ("three positions", "三个位置"),
    ("three records", "三条记录"),
    ("three rows", "三行"),
    ("tiny and huge", "极小与极大"),
    ("twenty positions", "二十个位置"),
    ("words", "单词"),
];

/// The name of a case in a language; as it is where there is no other.
pub(crate) fn said(name: &str, language: Language) -> String {
    if language == Language::English {
        return name.to_owned();
    }
    if let Some(format) = name.strip_prefix(BLOCK[0]) {
        return format!("{}{format}", BLOCK[1]);
    }
    CHINESE.iter().find(|(english, _)| *english == name).map_or(name, |(_, chinese)| *chinese).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::EXERCISES;
    use std::collections::BTreeSet;

    #[test]
    fn every_case_has_a_name_in_chinese_and_no_name_is_of_no_case() {
        let cases = EXERCISES.iter().flat_map(|exercise| (exercise.cases)(0));
        let names: BTreeSet<String> = cases.map(|case| case.name).collect();
        let without: Vec<&String> = names.iter().filter(|name| said(name, Language::Chinese) == **name).collect();
        assert!(without.is_empty(), "{without:?}");
        let unused: Vec<_> = CHINESE.iter().filter(|(english, _)| !names.contains(*english)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}
