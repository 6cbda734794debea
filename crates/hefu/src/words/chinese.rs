//! Simplified Chinese. One word for one thing: 回答, 提示词, 词元, 逐位, 文法, 回执.

use super::Entry;

/// How help is laid out (clap's own template, with the one heading that cannot be changed otherwise).
pub(crate) const TEMPLATE: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// Every text, `{}` for what differs from case to case.
pub(crate) const TEXTS: &[Entry] = &[
    // Headings of help.
    ("Commands", "命令"),
    ("Arguments", "参数"),
    ("Options", "选项"),
    ("Model", "模型"),
    ("Answer", "回答"),
    ("Sampling", "采样"),
    ("Structured output", "结构化输出"),
    ("Speculation (changes the speed, never the result)", "推测解码（只影响速度，不影响结果）"),
    ("Computation (changes the speed, never the result)", "计算（只影响速度，不影响结果）"),
    ("Access", "访问"),
    ("Limits", "上限"),
    ("Record", "记录"),
    ("Examples:", "示例："),
    ("`hefu COMMAND --help` explains a command and gives examples.", "`hefu 命令 --help` 说明一条命令并给出示例。"),
    ("Exit status: 0 done, 1 failed, 2 wrong usage.", "退出码：0 完成，1 失败，2 用法有误。"),
    ("Print help", "显示帮助"),
    ("Print this message or the help of the given subcommand(s)", "显示本帮助，或某条命令的帮助"),
    ("Print help (see more with '--help')", "显示帮助（--help 更详细）"),
    ("Print version", "显示版本"),
    (
        "Language of help and messages [default: by the environment: LC_ALL, LC_MESSAGES, LANG]",
        "帮助与提示的语言 [默认由环境变量 LC_ALL、LC_MESSAGES、LANG 决定]",
    ),
    // Commands.
    (
        "Answers prompts with open language models, offline, on the CPU; the same answer to the bit on every machine",
        "用开放语言模型在 CPU 上离线作答；无论哪台机器，回答逐位相同",
    ),
    ("Answer one prompt", "回答一个提示词"),
    ("Hold a conversation at the terminal", "在终端里对话"),
    ("Answer applications over HTTP, many at once", "通过 HTTP 为应用作答，可同时处理许多请求"),
    ("Add, list and revoke API keys of the server", "添加、列出、吊销服务器的 API 密钥"),
    ("Fetch a model into the store, unless it is there", "把模型下载到模型库；已有则跳过"),
    ("List the models in the store and those that can be fetched by name", "列出库中的模型，以及可按名称下载的模型"),
    (
        "Show what a model is and what it needs: metadata, formats, memory, template, licence",
        "查看模型的元数据、格式、所需内存、模板与许可证",
    ),
    (
        "Keep a packed copy of a model's weights, so that it starts in the time of reading them",
        "保存一份打包好的权重，启动时只需读入",
    ),
    ("Remove models from the store, and what unfinished downloads of them left", "从库中删除模型及未完成的下载"),
    ("Turn text into token ids", "把文本变成词元编号"),
    ("Measure how well a model predicts a text", "测量模型对一段文本的困惑度"),
    ("Measure the speed of a model on this machine", "测量模型在本机上的速度"),
    (
        "Show how far a model is from the limits of this machine, and in which operation",
        "查看模型离本机极限还有多远，差在哪个运算",
    ),
    ("Show a model's fingerprint and what went into it", "查看模型的指纹及其组成"),
    (
        "Show what this machine is, what was chosen for it and why, and what would make it faster",
        "查看本机情况、程序所作的选择及理由，以及怎样更快",
    ),
    (
        "Check that this machine gives the same bits in every way that answers come about",
        "检验本机以各种方式算出的回答是否逐位相同",
    ),
    (
        "Check answers by their receipts: make every choice again, and check the signature",
        "按回执核对回答：重做每一次选择，并验证签名",
    ),
    (
        "List, check, export and replay the log of answers that `serve --audit` keeps",
        "列出、核对、导出、重放 `serve --audit` 记下的日志",
    ),
    (
        "Show the public key that signs this instance's receipts and audit logs",
        "显示为本实例的回执与审计日志签名的公钥",
    ),
    (
        "Sign a model's files with your key, in the format of OpenSSF model signing",
        "用您的密钥为模型文件签名（OpenSSF 模型签名格式）",
    ),
    ("Check that a model's files are those that somebody signed", "核对模型文件是否就是签过名的那些"),
    ("Print a bill of materials of the program, and of models, in CycloneDX", "输出程序与模型的物料清单（CycloneDX）"),
    (
        "Write an answer or a conversation as a Markdown document, labelled if asked",
        "把回答或对话写成 Markdown 文档，可加标识",
    ),
    ("Check the labels of generated documents (GB 45438-2025)", "检查生成内容的标识（GB 45438-2025）"),
    (
        "Watch a running server: requests, tokens per second, latencies, memory, cache",
        "观察运行中的服务器：请求、词元/秒、延迟、内存、缓存",
    ),
    ("Answer a file of requests, many at once", "批量回答文件中的请求"),
    ("Print the completions for a shell", "输出 shell 的补全脚本"),
    (
        "Print the manual page, or write the pages of all commands to a folder",
        "输出手册页，或把所有命令的手册页写入文件夹",
    ),
    // The flags that are used most.
    ("The prompt", "提示词"),
    ("Instructions that come before the prompt", "提示词之前的指示"),
    ("Instructions that come before the conversation", "对话之前的指示"),
    ("No chat template: the model continues the text as it is", "不用对话模板，模型直接续写文本"),
    ("Print the answer and everything about it as JSON, when it is complete", "回答完成后，以 JSON 输出回答及全部信息"),
    ("Print everything as JSON", "以 JSON 输出"),
    ("Print it as JSON", "以 JSON 输出"),
    ("Say on standard error how long everything took", "在标准错误上说明各步用时"),
    ("Say after each answer how long it took", "每个回答之后说明用时"),
    (
        "Write a signed receipt of the answer to FILE; `hefu verify` makes the answer again by it",
        "把签名的回执写入文件；`hefu verify` 据此重做回答",
    ),
    (
        "The answer is JSON that is valid by this JSON Schema: a file, or the schema itself",
        "回答是符合此 JSON Schema 的 JSON：文件，或 schema 本身",
    ),
    ("The answer is text that this regular expression matches as a whole", "回答整体符合此正则表达式"),
    (
        "The answer is text by the grammar in this file: GBNF (with ::=, or named *.gbnf), else Lark",
        "回答符合文件中的文法：GBNF（含 ::= 或名为 *.gbnf），否则为 Lark",
    ),
    (
        "Model: a name that `hefu models` lists, the path of a GGUF file, or a source that `hefu pull` takes",
        "模型：`hefu models` 列出的名称、GGUF 文件的路径，或 `hefu pull` 接受的来源",
    ),
    ("Chat template (Jinja) in place of the model's own", "替代模型自带的对话模板（Jinja）"),
    ("End the answer before this text; may be given several times", "遇到此文本之前结束回答；可多次给出"),
    (
        "Seed of every random number: the same seed gives the same answer [default: a new one each time, reported by --json and --stats]",
        "随机种子：种子相同，回答相同 [默认每次新取，由 --json 与 --stats 报告]",
    ),
    (
        "Randomness, 0 to 100; 0 always takes the likeliest token [default: the model's, or 0.8]",
        "随机程度，0 到 100；0 总取最可能的词元 [默认：模型所荐，或 0.8]",
    ),
    ("Threads to compute with [default: all cores]", "计算线程数 [默认：全部核心]"),
    ("Instruction set [default: the best that this machine has]", "指令集 [默认：本机最好的一种]"),
    ("Address to listen on; any but this machine's own needs API keys", "监听地址；除本机地址外都需要 API 密钥"),
    ("Port to listen on; 0 takes any that is free", "监听端口；0 为任意空闲端口"),
    ("Ask for a key on this machine's own addresses too", "在本机地址上也要求密钥"),
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
    ("  [possible values: {}]", "  [可选值：{}]"),
    ("Usage: {}", "用法：{}"),
    ("For more information, try '--help'.", "更多信息请用 --help 查看。"),
    ("it must be at least 1", "至少为 1"),
    ("it is not a number", "不是数字"),
    ("it is not a whole number", "不是整数"),
    ("it must be a whole number of 0 or more", "须为不小于 0 的整数"),
    ("it is too large", "太大"),
    // Messages.
    ("no model, file or source is called `{}`{}", "没有名为 {} 的模型、文件或来源{}"),
    ("; `hefu models` lists those that are known", "；`hefu models` 列出已知的模型"),
    ("; did you mean {}?", "；您要的是不是 {}？"),
    ("the model `{}` is not in the store; fetch it with `hefu pull {}`", "模型 {} 不在库中；请用 `hefu pull {}` 下载"),
    ("there is no file {}; check the path", "没有文件 {}；请检查路径"),
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
        "{} more are needed in {} but only {} are free, of which {} stay with others; free some space or set HEFU_HOME to another disk",
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
    ("there are no instructions; /system TEXT gives some", "没有指示；可用 /system 文本 设定"),
    ("the seed is {}", "种子为 {}"),
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
];
