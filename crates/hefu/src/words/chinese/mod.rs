//! Simplified Chinese. One word for one thing: 回答, 提示词, 词元, 逐位, 文法, 回执.

mod after;
mod flags;
mod help;
mod records;

use super::Entry;

/// Layout of help (clap's own template, with the one heading that cannot be changed otherwise).
pub(crate) const TEMPLATE: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// Every text, `{}` for what differs from case to case.
pub(crate) const TEXTS: &[&[Entry]] =
    &[help::COMMANDS, flags::TEXTS, records::TEXTS, after::TEXTS, HEADINGS_AND_MESSAGES];

/// Headings of help, and what is said beside it.
const HEADINGS_AND_MESSAGES: &[Entry] = &[
    // Headings of help.
    ("Commands", "命令"),
    ("Arguments", "参数"),
    ("Options", "选项"),
    ("Model", "模型"),
    ("Class", "课堂"),
    ("Answer", "回答"),
    ("Sampling", "采样"),
    ("Structured output", "结构化输出"),
    ("Speculation (changes the speed, never the result)", "推测解码（只影响速度，不影响结果）"),
    ("Computation (changes the speed, never the result)", "计算（只影响速度，不影响结果）"),
    ("Access", "访问"),
    ("Limits", "上限"),
    ("Record", "记录"),
    ("Examples:", "示例："),
    ("Print help", "显示帮助"),
    ("Print this message or the help of the given subcommand(s)", "显示本帮助，或某条命令的帮助"),
    ("Print help (see more with '--help')", "显示帮助（--help 更详细）"),
    ("Print version", "显示版本"),
    (
        "Language of help and messages [default: by the environment: LC_ALL, LC_MESSAGES, LANG]",
        "帮助与提示的语言 [默认由环境变量 LC_ALL、LC_MESSAGES、LANG 决定]",
    ),
    // Values of flags, and what is said beside them.
    ("env: {}", "环境变量 {}"),
    ("default: {}", "默认 {}"),
    ("possible values: {}", "可选值：{}"),
    ("It was used as it is", "照原样使用"),
    ("It was changed before it was used", "修改后使用"),
    ("It was set aside, and a person decided otherwise", "弃用，由人另作决定"),
    (
        "From the draft model if there is one, else from the model's own block for further tokens, else from the text; as many as are measured to pay",
        "有草稿模型则用它，否则用模型自带的多词元预测块，再否则取自文本；数量以实测划算为准",
    ),
    ("From the model's own block for further tokens (multi-token prediction)", "用模型自带的多词元预测块"),
    ("From the draft model", "用草稿模型"),
    ("From the text itself: what followed the same passage before", "取自文本本身：上次出现同样内容之后的词元"),
    ("No guesses", "不猜"),
    ("The Chinese labelling measures (GB 45438-2025)", "中国的标识办法（GB 45438-2025）"),
    ("English", "英文"),
    ("Simplified Chinese", "简体中文"),
    ("16-bit floats", "16 位浮点"),
    (
        "Scaled 8-bit integers: about half the memory, and faster over long contexts",
        "带缩放的 8 位整数：内存约一半，长上下文更快",
    ),
    (
        "8-bit integers, multiplied as integers throughout: as small as q8, and the fastest over long contexts",
        "8 位整数，全程按整数相乘：与 q8 一样小，长上下文最快",
    ),
    ("A JSON object on each line", "每行一个 JSON 对象"),
    ("Lines for people", "供人阅读的文本行"),
    // Wrong usage, as clap says it.
    ("error: unexpected argument '{}' found", "错误：没有 {} 这个参数"),
    ("error: unrecognized subcommand '{}'", "错误：没有 {} 这条命令"),
    ("error: invalid value '{}' for '{}': {}", "错误：{} 不能作为 {} 的值：{}"),
    ("error: invalid value '{}' for '{}'", "错误：{} 不能作为 {} 的值"),
    ("error: a value is required for '{}' but none was supplied", "错误：{} 需要一个值"),
    ("error: the argument '{}' cannot be used with '{}'", "错误：{} 不能与 {} 同时使用"),
    ("error: the following required arguments were not provided:", "错误：缺少以下参数："),
    ("  tip: a similar argument exists: '{}'", "  提示：有一个相近的参数：{}"),
    ("  tip: a similar subcommand exists: '{}'", "  提示：有一条相近的命令：{}"),
    ("  tip: to pass '{}' as a value, use '{}'", "  提示：要把 {} 当作值，请写成 {}"),
    ("  tip: put a text of several words in quotation marks", "  提示：由几个词组成的文本请放在引号内"),
    ("  [possible values: {}]", "  [可选值：{}]"),
    ("Usage: {}", "用法：{}"),
    ("For more information, try '--help'.", "更多信息请用 --help 查看。"),
    ("it must be at least 1", "至少为 1"),
    ("it must be from {} to {}", "须在 {} 到 {} 之间"),
    ("expected an IP address, such as 127.0.0.1, 0.0.0.0 or ::1", "应为 IP 地址，如 127.0.0.1、0.0.0.0 或 ::1"),
    (
        "expected a scheme and a host without a path, such as https://app.example or http://localhost:3000, or *",
        "应为协议与主机，不带路径，如 https://app.example 或 http://localhost:3000，或 *",
    ),
    ("it is not a number", "不是数字"),
    ("it is not a whole number", "不是整数"),
    ("it must be a whole number that is not negative", "须为非负整数"),
    ("it must be a whole number of {} or more", "须为不小于 {} 的整数"),
    ("it is too large", "太大"),
    // Messages.
    ("no model, file or source is called `{}`{}", "没有名为 {} 的模型、文件或来源{}"),
    ("; `hefu models` lists those that are known", "；`hefu models` 列出已知的模型"),
    ("; did you mean {}?", "；您要的是不是 {}？"),
    ("the model `{}` is not in the store; fetch it with `hefu pull {}`", "模型 {} 不在库中；请用 `hefu pull {}` 下载"),
    ("there is no file {}; check the path", "没有文件 {}；请检查路径"),
    ("{} is a device or a pipe; copy it to a file first", "{} 是设备或管道；请先存为文件"),
    ("{} is a device or a pipe; name a file", "{} 是设备或管道；请给出文件名"),
    ("{} is a folder; name the GGUF file in it{}", "{} 是文件夹；请指明其中的 GGUF 文件{}"),
    (
        "there is no prompt; give one as an argument or through standard input",
        "没有提示词；请作为参数给出，或从标准输入传入",
    ),
    (
        "{} needs API keys, and there is none; make one with hefu key add NAME",
        "{} 需要 API 密钥，而目前没有；请用 hefu key add 名称 创建",
    ),
    ("there are no keys in {}; hefu key add NAME makes one", "{} 中没有密钥；可用 hefu key add 名称 创建"),
    ("cannot listen on {}: {}", "无法监听 {}：{}"),
    (
        "{} was made for {} positions, so it cannot have the {} that are asked for; ask for fewer",
        "{} 最多 {} 个位置，不能满足所要求的 {} 个；请减少",
    ),
    (
        "--context {} is more than the {} positions that {} was made for",
        "--context {} 超过了 {} 个位置，{} 最多只支持这么多",
    ),
    (
        "{} more are needed in {} but only {} are free, of which {} stay free for others; free some space or set HEFU_HOME to another disk",
        "还需要 {}（位于 {}），但只剩 {} 空闲，其中 {} 须留给其他程序；请腾出空间，或把 HEFU_HOME 设到另一块磁盘",
    ),
    (
        "{} is damaged: its SHA-256 is {} instead of {}; fetch it again with `hefu pull {}`, or remove the model with `hefu remove {}`",
        "{} 已损坏：SHA-256 为 {}，应为 {}；请用 `hefu pull {}` 重新下载，或用 `hefu remove {}` 删除",
    ),
    ("the download was stopped; start it again to go on where it ended", "下载已停止；重新开始即可续传"),
    ("no source gave {}:{}", "所有来源都没有给出 {}：{}"),
    // The conversation at the terminal.
    ("{} ({} tokens of context); /help lists what can be done", "{}（上下文 {} 个词元）；/help 列出可用的指令"),
    ("/help            this list", "/help            显示此列表"),
    (
        "/system [TEXT]   show the instructions before the conversation, or change them (- removes them)",
        "/system [文本]   显示或更改对话之前的指示（- 为删除）",
    ),
    ("/seed [N|new]    show the seed, or change it", "/seed [N|new]    显示或更改种子"),
    ("/save FILE       write the conversation to a file", "/save 文件       把对话写入文件"),
    ("/load FILE       go on with the conversation in a file", "/load 文件       接着文件中的对话继续"),
    ("/clear           start over", "/clear           重新开始"),
    (
        "/stats           how long the last answer took, and how much of the context is used",
        "/stats           上一个回答的用时与上下文用量",
    ),
    ("/model [NAME]    show the model, or go on with another one", "/model [名称]    显示模型，或换一个模型继续"),
    (
        "/compact         drop the oldest turns, so that half of the context is free",
        "/compact         丢掉最早的几轮，使上下文空出一半",
    ),
    ("/quit            leave, as Ctrl-D or /exit does", "/quit            离开，同 Ctrl-D 与 /exit"),
    (
        "A line that ends with \\ goes on in the next one; text between lines of \"\"\" is sent as it stands.",
        "以 \\ 结尾的行与下一行相接；两行 \"\"\" 之间的文本原样发送。",
    ),
    (
        "Ctrl-C stops an answer. A message that begins with / can be sent with a space before it.",
        "Ctrl-C 停止回答。以 / 开头的消息，前面加一个空格即可发送。",
    ),
    ("(stopped)", "（已停止）"),
    ("(stopped before the answer; the question is taken back)", "（回答前已停止，问题已收回）"),
    (
        "(ended by its length: --max-tokens, or the context is full; /compact makes room)",
        "（因长度结束：达到 --max-tokens，或上下文已满；/compact 可腾出空间）",
    ),
    ("the instructions are changed", "指示已更改"),
    (
        "none are given; the model's template may have some of its own; /system TEXT gives others",
        "没有给出指示；模型的模板可能自带；可用 /system 文本 另行设定",
    ),
    ("the seed is {}", "种子为 {}"),
    ("`{}` is not a seed; give a whole number or `new`", "{} 不能作为种子；请给出整数或 new"),
    ("/{} needs a file, such as /{} {}", "/{} 需要文件名，如 /{} {}"),
    ("(Ctrl-D or /quit leaves)", "（按 Ctrl-D 或输入 /quit 离开）"),
    ("no answer yet; the context holds {} tokens; seed {}", "还没有回答；上下文共 {} 个词元；种子 {}"),
    (
        "prompt {} tokens ({} of them kept from before) in {} s ({} tokens/s); answer {} tokens in {} s ({} tokens/s); {} of {} tokens of the context are used; seed {}",
        "提示词 {} 个词元（其中 {} 个已在缓存），用时 {} 秒（每秒 {} 个）；回答 {} 个词元，用时 {} 秒（每秒 {} 个）；上下文已用 {} 个，共 {} 个；种子 {}",
    ),
    (
        "hefu: taking {} for weights and {} for the cache of {} positions ({})",
        "hefu：权重占用 {}，缓存占用 {}（{} 个位置，{}）",
    ),
    ("{} is there already and is no conversation; give another name", "{} 已存在，且不是对话；请换一个名称"),
    ("saved {} messages", "已保存 {} 条消息"),
    ("loaded {} messages", "已载入 {} 条消息"),
    ("the model is {} ({} tokens of context)", "模型为 {}（上下文 {} 个词元）"),
    (
        "dropped the {} oldest messages of {}; the model no longer sees them",
        "已丢掉最早的 {} 条消息（共 {} 条），模型不再看到它们",
    ),
    (
        "nothing is dropped: half of the context is free, or the last question alone takes it",
        "没有丢掉什么：上下文已空出一半，或最后一个问题就占满了它",
    ),
    (
        "{}; /compact drops the oldest turns and asks again, /clear starts over",
        "{}；/compact 丢掉最早的几轮再问一次，/clear 重新开始",
    ),
    ("the conversation is empty; instructions and seed are kept", "对话已清空；指示与种子保留"),
    ("/{} is not known; /help lists what can be done", "没有 /{} 这条指令；/help 列出可用的指令"),
    // Of exercises.
    ("{} of {} cases are wrong", "{} 个用例不对，共 {} 个"),
    ("there is no exercise {}; name one with --exercise: {}", "没有练习 {}；请用 --exercise 指明：{}"),
    ("{} does not compile; the compiler says above why", "{} 未能编译；原因见上面编译器的输出"),
    (
        "the program had not ended after {} s and was stopped; --seconds gives it more",
        "程序 {} 秒后仍未结束，已停止；用 --seconds 可给它更多时间",
    ),
    ("the program wrote more than {} bytes and was stopped", "程序写出超过 {} 字节，已停止"),
    (
        "the program failed: {}; before that it had written {} lines, one for each case",
        "程序失败：{}；在此之前写出了 {} 行，每个用例一行",
    ),
];
