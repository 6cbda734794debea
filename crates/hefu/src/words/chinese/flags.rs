//! Flags and arguments, but for those of records.

use super::super::Entry;

/// Every text.
pub(super) const TEXTS: &[Entry] = &[
    (
        "Where the class is kept: its key, its code and a signed file for each pupil [default: class in HEFU_HOME, else in the folder hefu of the user's data folder]",
        "课堂保存在哪里：密钥、代码和每个学生的签名文件 [默认：HEFU_HOME 中的 class，否则在用户数据文件夹的 hefu 中]",
    ),
    (
        "Pupils who may come from one address; a room behind one address needs as many as it has pupils",
        "同一地址可进入的学生数；若整个教室共用一个地址，应设为学生人数",
    ),
    (
        "Take progress files, too, that this public key has signed: that of another class, which its files name; may be given several times",
        "也接受由此公钥签名的进度文件：另一个课堂的公钥写在其文件里；可多次给出",
    ),
    ("The file, as a class has signed it", "课堂签名的文件"),
    (
        "The public key that must have signed it [default: any, which is shown]",
        "必须由此公钥签名 [默认：任何公钥，会显示出来]",
    ),
    (
        "Change the model on the way, as FILE says: a JSON array of objects such as {\"off\": \"layer\", \"layers\": [3]}; the answer's fingerprint says so",
        "按 FILE 在途中改动模型：JSON 数组，元素如 {\"off\": \"layer\", \"layers\": [3]}；回答的指纹会写明",
    ),
    (
        "A folder of further lessons for /learn, each a folder with en.md, zh-CN.md and lesson.toml",
        "/learn 的更多课程所在的文件夹，每课一个文件夹，含 en.md、zh-CN.md 与 lesson.toml",
    ),
    (
        "The program: a file in Python (*.py), Rust (*.rs), JavaScript (*.js) or Ruby (*.rb), or any command with its arguments (after -- where they begin with a hyphen)",
        "程序：Python（*.py）、Rust（*.rs）、JavaScript（*.js）或 Ruby（*.rb）文件，或任何命令及其参数（参数以连字符开头时放在 -- 之后）",
    ),
    ("The exercise [default: the one that the file is named after]", "练习 [默认：与文件同名的那个]"),
    ("Seconds that the program may take for all cases together", "程序处理全部用例可用的秒数"),
    ("Print the report as JSON", "以 JSON 输出报告"),
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
        "The answer is JSON that is valid by this JSON Schema: a file, or the schema itself",
        "回答是符合此 JSON Schema 的 JSON：文件，或 schema 本身",
    ),
    ("The answer is text that this regular expression matches as a whole", "回答整体符合此正则表达式"),
    (
        "The answer is text by the grammar in this file: GBNF (with ::=, or named *.gbnf), else Lark",
        "回答符合文件中的文法：GBNF（含 ::= 或名为 *.gbnf），否则为 Lark",
    ),
    (
        "Model: a name that `hefu models` lists, the path of a GGUF file or of a folder of safetensors files, or a source that `hefu pull` takes",
        "模型：`hefu models` 列出的名称、GGUF 文件或 safetensors 文件夹的路径，或 `hefu pull` 接受的来源",
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
    (
        "Device: cpu, opencl or opencl:N (see `hefu devices`), or auto, the first graphics processor that can be used [default: cpu]",
        "设备：cpu、opencl 或 opencl:N（见 `hefu devices`）；auto 为第一个可用的图形处理器 [默认 cpu]",
    ),
    (
        "Layers on several devices, from 0 on: cpu:0-11,opencl:12-23; on other machines by `hefu part`: part@HOST:PORT:0-11; or auto, by the memory and the speed of all devices here",
        "把各层分给几个设备，从第 0 层起：cpu:0-11,opencl:12-23；用 `hefu part` 分给其他机器：part@HOST:PORT:0-11；auto 按本机所有设备的内存与速度分配",
    ),
    (
        "File with the key that this machine and those with parts of the model share",
        "密钥文件，由本机与运行模型各部分的机器共有",
    ),
    (
        "Address to listen on; any but this machine's own needs --part-key [default: 127.0.0.1]",
        "监听地址；非本机地址须给出 --part-key [默认 127.0.0.1]",
    ),
    ("Threads to compute with [default: all cores]", "计算线程数 [默认：全部核心]"),
    ("Instruction set [default: the best that this machine has]", "指令集 [默认：本机最好的一种]"),
    ("Port to listen on; 0 takes any that is free", "监听端口；0 为任意空闲端口"),
    (
        "A further name under which requests may ask this server; may be given several times",
        "请求可用来访问本服务器的另一个名称；可多次给出",
    ),
    (
        "A further name under which the first model, or the one after =, is asked for; may be given several times",
        "第一个模型（或 = 之后的模型）的别名；可多次给出",
    ),
    ("A smaller model with the same vocabulary that guesses", "词表相同、负责猜测的小模型"),
    ("API key, if the server asks for one", "API 密钥（服务器要求时）"),
    ("Add the tokens that the model's vocabulary puts around a prompt", "加上模型词表在提示词前后所放的词元"),
    ("Answer requests for models that are not served with the first one", "请求未提供的模型时，用第一个模型回答"),
    ("Answers that are computed at the same time", "同时计算的回答数"),
    ("Answers that one request may ask for", "一个请求最多可要的回答数"),
    ("Answers that wait; further requests are told to come again", "排队等待的回答数；超出的请求须稍后再来"),
    ("Ask again what OUT.jsonl answers with an error", "重新请求 OUT.jsonl 中出错的各项"),
    ("By which you will know it", "便于辨认的名称"),
    ("Bytes of a request's body", "请求体的字节数上限"),
    (
        "Compute every prompt from its beginning, whatever the cache holds of earlier ones",
        "每个提示词都从头计算，不用缓存中已有的部分",
    ),
    ("Connections at the same time; others wait", "同时的连接数；超出的等待"),
    (
        "DRY, against repeating long passages: strength, 0 to 100; 0 is off [default: 0]",
        "DRY（抑制重复长段）：强度，0 到 100；0 为关闭 [默认 0]",
    ),
    (
        "DRY: a repeated passage never crosses this text; may be given several times [default: none]",
        "DRY：重复段不跨越此文本；可多次给出 [默认无]",
    ),
    (
        "DRY: growth per token of the repeated passage, 1 to 100 [default: 1.75]",
        "DRY：重复段每多一个词元的增长，1 到 100 [默认 1.75]",
    ),
    (
        "DRY: look at the last N tokens; -1 is all of them, 0 is off [default: -1]",
        "DRY：查看最近 N 个词元；-1 为全部，0 为关闭 [默认 -1]",
    ),
    (
        "DRY: repeated passages shorter than N tokens are not weakened [default: 2]",
        "DRY：不足 N 个词元的重复段不受抑制 [默认 2]",
    ),
    ("Draw the result to a file", "把结果画成图，写入文件"),
    (
        "End the answer after N tokens [default: when the model ends it or the context is full]",
        "N 个词元后结束回答 [默认：模型自行结束，或上下文已满]",
    ),
    (
        "Fetch it even if this machine cannot run it: a model of an unknown family, or one that needs more memory",
        "即使本机无法运行也下载：未知架构的模型，或内存不足的模型",
    ),
    ("Files that another model of the store uses too stay.", "库中其他模型也用到的文件会保留。"),
    (
        "Folder for hefu.1, hefu-run.1 and so on; it is made if it is missing",
        "存放 hefu.1、hefu-run.1 等的文件夹；没有则新建",
    ),
    ("Forbid the tokens that end an answer: it goes on to its length limit", "禁用结束词元，回答直到长度上限"),
    (
        "Guess tokens and check several at once [default: auto; for bench: off]",
        "先猜词元，再一次核对多个 [默认 auto；bench 为 off]",
    ),
    (
        "How long a model stays in memory after its last request: seconds, or `forever`, which is until memory is needed",
        "最后一个请求之后，模型留在内存中的时间：秒数，或 `forever`（直到需要内存）",
    ),
    ("How often each is measured", "各测量几次"),
    (
        "Keep the N likeliest tokens; 0 keeps all [default: the model's, or 40]",
        "只留最可能的 N 个词元；0 为全留 [默认：模型所荐，或 40]",
    ),
    (
        "Keep the likeliest tokens that together reach probability P; 1 keeps all [default: the model's, or 0.95]",
        "只留合计概率达到 P 的最可能词元；1 为全留 [默认：模型所荐，或 0.95]",
    ),
    (
        "Keep the most typical tokens that together exceed probability P; 1 keeps all [default: 1]",
        "只留合计概率超过 P 的最典型词元；1 为全留 [默认 1]",
    ),
    (
        "Keep tokens at least P times as likely as the likeliest; 0 keeps all [default: the model's, or 0.05]",
        "只留概率不低于最可能者 P 倍的词元；0 为全留 [默认：模型所荐，或 0.05]",
    ),
    (
        "Let pages of this origin ask; `*` is every one; may be given several times",
        "允许此来源的网页访问；`*` 为任何来源；可多次给出",
    ),
    ("List every tensor too", "同时列出每个张量"),
    ("Log what goes wrong alone", "只记录出错的情况"),
    ("Look twice, so far apart, print the figures and end", "按此间隔看两次，输出数字后结束"),
    (
        "Memory for all loaded models, with K, M or G [default: what is free at the start]",
        "所有已加载模型可用的内存，单位 K、M、G [默认：启动时的空闲内存]",
    ),
    (
        "Memory for all requests that are being read and worked out, with K, M or G; a request takes up to eight times its body, small ones do not count, and one client has at most half of it",
        "读取与处理中的所有请求可用的内存，单位 K、M、G；一个请求最多占其请求体的八倍，小请求不计，单个客户端最多占一半",
    ),
    (
        "Model: a name that `hefu models` lists, or the path of a GGUF file",
        "模型：`hefu models` 列出的名称，或 GGUF 文件的路径",
    ),
    (
        "Model: a name that `hefu models` lists, or the path of a GGUF file; may be given several times, the first is the default",
        "模型：`hefu models` 列出的名称，或 GGUF 文件的路径；可多次给出，第一个为默认",
    ),
    ("Models to list with it, as --model takes them", "一并列出的模型，写法同 --model"),
    ("Most tokens guessed at once [default: 8]", "一次最多猜的词元数 [默认 8]"),
    ("Names as `hefu models` lists them", "`hefu models` 列出的名称"),
    ("Never choose token ID; may be given several times", "从不选取该编号的词元；可多次给出"),
    ("One token after another, as the answer was made; the verdict is the same", "像作答时那样逐个词元进行；结论相同"),
    (
        "Positions of each model's cache, which all its requests share [default: two contexts]",
        "每个模型缓存的位置数，由其所有请求共用 [默认：两个上下文]",
    ),
    ("Print JSON, one line for each look", "输出 JSON，每看一次一行"),
    ("Print help (see a summary with '-h')", "显示帮助（-h 为摘要）"),
    ("Print ids and pieces as JSON", "以 JSON 输出编号与片段"),
    (
        "List the values that can be seen, with the layers that have them and the numbers of a row",
        "列出可以查看的值、所在的层和每行数字的个数",
    ),
    (
        "A value to show, by its name in the list; may be given several times",
        "要查看的值，按列表中的名称；可以给出多次",
    ),
    (
        "Of which layers, counted from 0, as 3 or 0,4-6 [default: all]",
        "哪些层，从 0 数起，例如 3 或 0,4-6 [默认：全部]",
    ),
    (
        "Of which heads, counted from 0, as 3 or 0,4-6 [default: all]",
        "哪些注意力头，从 0 数起，例如 3 或 0,4-6 [默认：全部]",
    ),
    (
        "Of the values logits and lens, the N likeliest tokens in place of the numbers",
        "对 logits 和 lens 两个值，显示概率最高的 N 个词元而不是数值",
    ),
    (
        "At which positions, counted from 0, as 3 or 0,4-6 [default: all]",
        "哪些位置，从 0 数起，例如 3 或 0,4-6 [默认：全部]",
    ),
    (
        "How many tokens are shown of each clause of sampling; 0 for none of it",
        "每个采样条款显示多少个词元；0 表示不显示采样",
    ),
    ("Write the values to FILE in the safetensors format", "把值以 safetensors 格式写入 FILE"),
    ("Print the chat template alone", "只输出对话模板"),
    ("Print the ids alone, on one line", "只输出编号，写在一行"),
    ("Print the list as JSON", "以 JSON 输出列表"),
    ("Print the result as JSON", "以 JSON 输出结果"),
    ("Requests that are answered at the same time", "同时回答的请求数"),
    ("Samplers that remove tokens leave at least N [default: 1]", "去除词元的采样器至少留下 N 个 [默认 1]"),
    ("Seconds between two looks; rates are taken over this time", "两次查看之间的秒数；速率按这段时间计算"),
    (
        "Seconds that a client may leave its answer unread before it loses it",
        "客户端不读取回答的秒数上限，超过即放弃该回答",
    ),
    ("Seconds that a request may take in all", "一个请求总共可用的秒数"),
    ("Seconds that a request's head and body may take to arrive", "请求头与请求体到达的秒数上限"),
    (
        "Seconds that running answers may take once the server is told to stop",
        "服务器收到停止指令后，进行中的回答可用的秒数",
    ),
    (
        "Send a trace of every answer to the OpenTelemetry collector at this address (OTLP over HTTP); neither prompts nor answers are in it. Needs a program built with --features opentelemetry",
        "把每个回答的追踪发给此地址的 OpenTelemetry 收集器（OTLP，经 HTTP），其中没有提示词与回答。程序须以 --features opentelemetry 编译",
    ),
    ("Sequences at once", "同时的序列数"),
    ("Sequences to generate them for, all at once", "同时生成的序列数"),
    (
        "State the memory needed for N tokens of context [default: 4096, or the model's own limit if that is lower]",
        "说明 N 个词元的上下文所需的内存 [默认 4096，或模型自身更低的上限]",
    ),
    ("Stop after N chunks [default: all]", "N 段后停止 [默认全部]"),
    ("Text that spells a special token becomes that token", "拼出特殊词元的文本即成为该词元"),
    ("The JSON file [default: standard input]", "JSON 文件 [默认：标准输入]"),
    ("The answers", "写入回答的文件"),
    (
        "The cache for them is taken at the start; `hefu show` states its size.",
        "所需缓存在启动时分配，其大小见 `hefu show`。",
    ),
    (
        "The fingerprint at N tokens of context; it matters to models with factors for long contexts alone",
        "上下文为 N 个词元时的指纹；只对带长上下文系数的模型有区别",
    ),
    ("The model, as --model takes it", "模型，写法同 --model"),
    ("The model, as --model takes it, or a folder", "模型，写法同 --model；或文件夹"),
    (
        "The penalties look at the last N tokens; -1 is all of them, 0 is off [default: the model's, or 64]",
        "惩罚所查看的最近 N 个词元；-1 为全部，0 为关闭 [默认：模型所荐，或 64]",
    ),
    ("The requests", "请求文件"),
    ("The server's address", "服务器的地址"),
    ("The shell", "所用的 shell"),
    ("The text [default: standard input]", "文本 [默认：标准输入]"),
    ("The text, in UTF-8", "文本文件（UTF-8）"),
    ("This instruction set alone [default: all that this machine has]", "只用此指令集 [默认：本机具有的全部]"),
    ("Tokens of a prompt [default: what the context holds]", "提示词的词元数上限 [默认：上下文所能容纳]"),
    ("Tokens of an answer [default: what the context holds]", "回答的词元数上限 [默认：上下文所能容纳]"),
    ("Tokens of the prompt that are computed at once", "一次计算的提示词词元数"),
    ("Tokens of the prompt; 0 leaves the prefill out", "提示词的词元数；0 则不测预填充"),
    ("Tokens per chunk", "每段的词元数"),
    (
        "Tokens that prompt and answer may have together [default: 32768, or fewer where the model or the memory bears fewer]",
        "提示词与回答合计的词元数上限 [默认 32768；模型或内存不足时更少]",
    ),
    (
        "Tokens that prompt and answer may have together [default: 4096, or the model's own limit if that is lower]",
        "提示词与回答合计的词元数上限 [默认 4096，或模型自身更低的上限]",
    ),
    ("Tokens to generate; 0 leaves the decode out", "生成的词元数；0 则不测解码"),
    ("Try every combination, which takes minutes", "尝试所有组合，需要几分钟"),
    (
        "Weaken recent tokens by this factor; 1 is off [default: the model's, or 1]",
        "按此系数削弱最近的词元；1 为关闭 [默认：模型所荐，或 1]",
    ),
    (
        "XTC, exclude top choices: how often it acts, 0 to 1; 0 is off [default: the model's, or 0]",
        "XTC（排除首选）：作用的频率，0 到 1；0 为关闭 [默认：模型所荐，或 0]",
    ),
    (
        "XTC: from which probability a token is a top choice [default: the model's, or 0.1]",
        "XTC：概率达到多少算首选 [默认：模型所荐，或 0.1]",
    ),
    ("Remove the model's packed copies instead", "改为删除模型的打包权重"),
    (
        "An importance matrix, as `hefu imatrix` or llama-imatrix (GGUF) writes it",
        "重要性矩阵，由 `hefu imatrix` 或 llama-imatrix 写出（GGUF）",
    ),
    ("Give every matrix the one format, whatever it is for", "所有矩阵用同一种格式，不论用途"),
    ("Leave out what is too long for the model", "截去超出模型长度的部分"),
    (
        "Most tokens of a text [default: 4096, or fewer if the model was made for fewer]",
        "一段文本的最多词元数 [默认 4096；模型支持的更少时则更少]",
    ),
    ("Print the vectors as JSON", "以 JSON 输出向量"),
    ("Replace a file that is there already", "覆盖已有的文件"),
    ("The file that is written; it appears once it is whole", "要写出的文件，写完整之后才出现"),
    ("The texts [default: the lines of standard input]", "文本 [默认读取标准输入的各行]"),
    ("Write nothing: show what each tensor would become", "什么也不写，只显示各张量将变成什么"),
    ("The tasks", "任务文件"),
    ("The folder for scores", "存放得分的文件夹"),
    ("Take only the first N samples of each task", "每个任务只取前 N 个样本"),
    ("The model that judges answers [default: the one that is evaluated]", "评判回答的模型 [默认为受测模型]"),
    ("Samples that are computed at the same time", "同时计算的样本数"),
    (
        "Fail if the share of right answers of a task is below X, from 0 to 1",
        "若某任务的正确率低于 X（0 到 1），则以失败结束",
    ),
    ("Also write every sample as a test case in the format of JUnit", "另把每个样本写成 JUnit 格式的测试用例"),
    ("Also draw the table", "另把表格画成图"),
    ("Replace scores that are there already", "覆盖已有的得分"),
    ("Print the result as JSON, not as a table in Markdown", "以 JSON 而非 Markdown 表格输出结果"),
    (
        "Tokens that prompt and answer may have together [default: 4096, or fewer if the model was made for fewer]",
        "提示词与回答合计的词元数上限 [默认 4096；模型支持的更少时则更少]",
    ),
    ("Of a score, make only N samples again, drawn by chance [default: all]", "对得分只随机抽 N 个样本重做 [默认全部]"),
    ("The task of a score, to see that its questions are the task's", "得分所属的任务，用来核对题目确是该任务的"),
    (
        "The model that judged the answers of a score [default: the one that it names]",
        "评判过回答的模型 [默认为得分中所记的]",
    ),
];
