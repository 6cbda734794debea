//! Descriptions of commands.

use super::super::Entry;

/// Every text.
pub(super) const COMMANDS: &[Entry] = &[
    (
        "Answers prompts with open language models, offline, on the CPU; the same answer to the bit on every machine",
        "用开放语言模型在 CPU 上离线作答；无论哪台机器，回答逐位相同",
    ),
    (
        "Learn how a language model computes: lessons in the browser, and exercises that are graded to the bit",
        "学习语言模型怎样计算：浏览器里的课程，以及逐位评判的练习",
    ),
    ("List the lessons with their exercises", "列出课程及其练习"),
    (
        "Hold a class: pupils in the room come in by a code, and what they do is kept here as signed files",
        "开一个课堂：教室里的学生凭代码进入，他们完成的内容作为签名文件保存在这里",
    ),
    ("Check a pupil's signed file, and show what is in it", "检查学生的签名文件，并显示其内容"),
    (
        "Grade a program: feed it the exercise's cases and compare every bit of what it writes",
        "评判一个程序：把练习的用例喂给它，逐位比较它写出的内容",
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
    ("Remove models from the store, and what unfinished downloads of them left", "从库中删除模型及未完成的下载"),
    ("Turn text into token ids", "把文本变成词元编号"),
    (
        "Show what a model computes on the way to an answer, and why each token was chosen",
        "查看模型在作答途中算出了什么，以及为何选中每个词元",
    ),
    ("Measure how well a model predicts a text", "测量模型对一段文本的困惑度"),
    ("Measure the speed of a model on this machine", "测量模型在本机上的速度"),
    (
        "Show how far a model is from the limits of this machine, and in which operation",
        "查看模型离本机极限还有多远，差在哪个运算",
    ),
    ("Show a model's fingerprint and what went into it", "查看模型的指纹及其组成"),
    ("Compute layers of a model for a head on another machine", "为另一台机器上的主机计算模型的若干层"),
    (
        "List the devices that --device and --split take, with what they can do",
        "列出 --device 与 --split 可用的设备及其能力",
    ),
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
    (
        "Check every hash, signature and receipt, and that nothing is missing",
        "核对每个哈希、签名与回执，并确认没有缺失",
    ),
    (
        "Check that Markdown documents carry the visible notice and a whole metadata block",
        "检查 Markdown 文档是否带有可见标识与完整的元数据块",
    ),
    (
        "Have the last checkpoint stamped with the time by an authority (RFC 3161), or take a stamp out",
        "请机构给最后一个检查点加时间戳（RFC 3161），或取出时间戳",
    ),
    ("List records, the oldest first", "列出记录，最早的在前"),
    ("List the names of all keys", "列出所有密钥的名称"),
    ("Make a key and print it", "生成密钥并显示"),
    ("Make the answers again, as `hefu verify` does", "像 `hefu verify` 那样重做回答"),
    ("Print a record with everything that is stored of it", "显示一条记录的全部内容"),
    (
        "Print the whole log as JSON, a row on each line; `verify` takes it too",
        "以 JSON 输出整个日志，每行一条；`verify` 也接受它",
    ),
    (
        "Record what a person thought of an answer: accepted, corrected or overruled",
        "记录人对回答的判断：采用、修改或弃用",
    ),
    (
        "Remove what is older, up to a checkpoint, and leave a signed note of it",
        "删除更早的记录，直到某个检查点，并留下签名的说明",
    ),
    ("Revoke a key", "吊销密钥"),
    (
        "Take away what one record says; its digest stays, and the log can be checked as before",
        "清除一条记录的内容；摘要保留，日志照常可核对",
    ),
    (
        "Keep a packed copy of a model's weights, so that it starts in the time of reading them",
        "保存一份打包好的权重，启动时只需读入",
    ),
    ("Turn texts into vectors", "把文本变成向量"),
    ("Write a model with its weights in another format", "把模型的权重换成另一种格式写出"),
    (
        "Measure which weights of a model matter most, for `hefu quantize --imatrix`",
        "测量模型中哪些权重最要紧，供 `hefu quantize --imatrix` 使用",
    ),
    (
        "Measure a model's score in tasks: the same everywhere, with a receipt that anybody can spot-check",
        "测量模型在任务中的得分：处处相同，并附人人可以抽查的回执",
    ),
];
