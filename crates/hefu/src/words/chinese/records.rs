//! Flags and arguments of keys, receipts, logs, signatures and labels.

use super::super::Entry;

/// Every text.
pub(super) const TEXTS: &[Entry] = &[
    (
        "Write a signed receipt of the answer to FILE; `hefu verify` makes the answer again by it",
        "把签名的回执写入文件；`hefu verify` 据此重做回答",
    ),
    (
        "Address to listen on; any but this machine's own needs API keys [default: 127.0.0.1; of a class 0.0.0.0, which is all]",
        "监听地址；除本机地址外都需要 API 密钥 [默认：127.0.0.1；课堂为 0.0.0.0，即所有地址]",
    ),
    ("Ask for a key on this machine's own addresses too", "在本机地址上也要求密钥"),
    (
        "A file with the token ids of the prompt, for receipts that state its hash alone",
        "含提示词词元编号的文件，用于只记哈希的回执",
    ),
    (
        "A model that the catalogue knows, or that a source names, is fetched on first use. Without this flag the model is the catalogue's default.",
        "目录中的模型或来源所指的模型，首次使用时下载。不给此选项时，用目录的默认模型。",
    ),
    ("A name of the catalogue (see `hefu models`), or a source", "目录中的名称（见 `hefu models`），或来源"),
    (
        "Add VALUE (-100 to 100) to the logit of token ID; may be given several times",
        "给该编号词元的 logit 加上一个值（-100 到 100）；可多次给出",
    ),
    ("Answers asked for with the API key of this name", "用此名称的 API 密钥所要的回答"),
    (
        "Answers for this person, as `user`, `safety_identifier` or `metadata.user_id` of their requests named them",
        "为此人所作的回答；此人即请求中 `user`、`safety_identifier` 或 `metadata.user_id` 的值",
    ),
    ("Ask this authority for a stamp of the last checkpoint", "向此机构为最后一个检查点申请时间戳"),
    (
        "Certificates of the authorities (PEM) that must have signed its time stamps",
        "时间戳机构的证书（PEM）；时间戳须由它们签发",
    ),
    (
        "Complete before this day (UTC), or before this time in milliseconds since 1970",
        "在这一天（UTC）之前完成，或在此时刻（1970 年以来的毫秒数）之前完成",
    ),
    (
        "Complete on this day (UTC) or later, or from this time on in milliseconds since 1970",
        "在这一天（UTC）或之后完成，或自此时刻（1970 年以来的毫秒数）起完成",
    ),
    ("Files of receipts, one or many in each", "回执文件，每个可含一份或多份"),
    (
        "Have this authority stamp the log's checkpoints with the time (RFC 3161 over HTTP)",
        "由此机构给日志的检查点加时间戳（RFC 3161，经 HTTP）",
    ),
    ("Format of the log on standard error", "标准错误上的日志的格式"),
    (
        "Keys of one group share what the cache holds of their prompts, so that each can tell by times and counts what the others asked; without a group, a key shares it with itself alone",
        "同组的密钥共用缓存中的提示词，因此彼此可由用时与计数得知对方问过什么；不设组时，每个密钥只用自己的缓存",
    ),
    (
        "Whoever has the key may move the server's work to another one, and hand it the work of another one",
        "持有此密钥者可把服务器的工作移到另一台，也可把另一台的工作交给它",
    ),
    ("Label answers as generated, by the rules of a country", "按某国规定把回答标识为生成内容"),
    (
        "Load only models with a valid signature by this public key (PEM) beside them, as `hefu sign` makes it",
        "只加载带有此公钥（PEM）有效签名的模型；签名由 `hefu sign` 生成，放在模型旁",
    ),
    (
        "Log every answer in FILE, signed and chained, before its last byte leaves; what cannot be logged is not answered. `hefu audit` reads it",
        "每个回答在最后一个字节发出之前记入日志文件，签名并成链；记不下的不回答。用 `hefu audit` 查看",
    ),
    (
        "Make a new key instead: FILE gets the private half, FILE.pub the public one",
        "改为生成新密钥：私钥写入文件，公钥写入同名的 .pub",
    ),
    (
        "Name in the store for a source that is not in the catalogue [default: from the file's name]",
        "来源不在目录中时，库中所用的名称 [默认取自文件名]",
    ),
    ("Print everything as JSON, a record on each line", "全部以 JSON 输出，每行一条记录"),
    ("Print it in PEM, as other programs read it", "以 PEM 输出，供其他程序读取"),
    ("Print its receipt alone, as `hefu verify` takes it", "只输出回执，可直接交给 `hefu verify`"),
    (
        "Print where the stamp of the checkpoint after record N can be checked with OpenSSL, and write it to N.tsr",
        "说明怎样用 OpenSSL 核对第 N 条记录之后检查点的时间戳，并把它写入 N.tsr",
    ),
    (
        "Receipts of the newest answers that are kept in memory for GET /v1/receipts/ID; with 0 and without --audit none are made",
        "内存中为 GET /v1/receipts/ID 保留的最新回执数；为 0 且没有 --audit 时不生成回执",
    ),
    ("Records of this type: answer, event or annotation", "此类型的记录：回答、事件或批注"),
    (
        "Records that were complete before this day (UTC), or before this time in milliseconds since 1970",
        "在这一天（UTC）之前完成的记录，或在此时刻（1970 年以来的毫秒数）之前完成的记录",
    ),
    (
        "Remove what has been in the log for so long: hours, days, months or years, such as 12h, 200d, 6months or 1year; a month counts as the longest that there is [default: keep everything]",
        "删除日志中超过此期限的记录：小时、日、月或年，如 12h、200d、6months、1year；一个月按最长的月计 [默认全部保留]",
    ),
    (
        "SHA-256 that a source must have if it is not in the catalogue [default: recorded as found]",
        "来源不在目录中时必须具有的 SHA-256 [默认：按实际值记录]",
    ),
    ("Speak TLS with this chain of certificates (PEM)", "以此证书链（PEM）使用 TLS"),
    ("State in receipts each prompt's salted hash and not its tokens", "回执只记提示词的加盐哈希，不记词元"),
    ("Take the authority's answer from FILE (DER)", "从文件（DER）取机构的答复"),
    (
        "Taken off the logit of each recent token per occurrence, -10 to 10; 0 is off [default: 0]",
        "按出现次数从最近每个词元的 logit 中减去，-10 到 10；0 为关闭 [默认 0]",
    ),
    (
        "Taken off the logit of each recent token, -10 to 10; 0 is off [default: 0]",
        "从最近每个词元的 logit 中减去，-10 到 10；0 为关闭 [默认 0]",
    ),
    ("The answer's id, or the record's number", "回答的 id，或记录的编号"),
    (
        "The answer's receipt: the label then names the answer by its id and holds the receipt's digest",
        "回答的回执：标识以回答的 id 指明它，并含回执的摘要",
    ),
    ("The documents", "文档"),
    (
        "The file of keys [default: keys.json in HEFU_HOME, else in the folder hefu of the user's data folder]",
        "密钥文件 [默认：HEFU_HOME 中的 keys.json，否则在用户数据文件夹的 hefu 中]",
    ),
    (
        "The head that an earlier examination showed, NUMBER:HASH: the log must still have it",
        "早先核对时所示的末端（编号:哈希）；日志中必须仍有它",
    ),
    ("The key of the certificate (PEM)", "证书的私钥（PEM）"),
    ("The key that signs, a PEM file", "签名所用的私钥（PEM 文件）"),
    ("The key's name", "密钥的名称"),
    ("The log", "日志文件"),
    (
        "The model, as --model takes it, or a folder, all of whose files are signed",
        "模型，写法同 --model；或文件夹，其中所有文件都签名",
    ),
    ("The newest N alone", "只要最新的 N 条"),
    ("The public half of the key that signed, a PEM file", "签名密钥的公钥（PEM 文件）"),
    (
        "The public key that must have signed, or a file with it; without it, any key may have",
        "必须由此公钥签名（公钥或其文件）；不给则任何密钥均可",
    ),
    (
        "The reviewer's own private key (ed25519, PEM), which signs [default: that of this instance]",
        "审阅者自己的签名私钥（ed25519，PEM） [默认：本实例的密钥]",
    ),
    (
        "The signature [default: beside the model's file, with .sig after its name; in a folder, model.sig]",
        "签名文件 [默认：在模型文件旁，名称后加 .sig；文件夹中为 model.sig]",
    ),
    ("Verdict on the answer", "对回答的评定"),
    (
        "Format of cached keys and values; it changes answers and is part of their fingerprint",
        "缓存的键与值所用的格式；它影响回答，并计入指纹",
    ),
    (
        "Content of the log for each answer: its receipt, which holds token ids; its text as well; or the receipt's hash alone",
        "每个回答记录什么：含词元编号的回执；回执与文本；或只记回执的哈希",
    ),
    ("A note", "补充说明"),
    (
        "Read a model's files again before use and compare them with what was pulled: if their time stamps changed, always (about a second per gigabyte), or never",
        "使用前重读模型文件，与下载时比对：时间戳变过时、总是（每 GB 约一秒）或从不",
    ),
    ("Where the document goes [default: standard output]", "文档写到哪里 [默认：标准输出]"),
    (
        "Where the signature goes [default: beside the model's file, with .sig after its name; in a folder, model.sig]",
        "签名写到哪里 [默认：在模型文件旁，名称后加 .sig；文件夹中为 model.sig]",
    ),
    (
        "Who answers for the content: a name, or the code of 27 characters that was assigned",
        "内容的责任主体：名称，或所分配的 27 位编码",
    ),
    ("Name of the reviewer", "审阅者"),
    ("Why; it is recorded, so it should name nobody", "原因；它会被记录，请勿写出任何人的姓名"),
    (
        "With --json: the log-probability of each token and of the N likeliest in its place",
        "与 --json 同用：每个词元及同一位置最可能的 N 个词元的对数概率",
    ),
    (
        "With --receipt: state the prompt's salted hash and not its tokens",
        "与 --receipt 同用：只记提示词的加盐哈希，不记词元",
    ),
    (
        "With --receipt: state one digest of every layer's output for every token, and write the single digests to FILE.trace; `hefu verify --trace` makes them again",
        "与 --receipt 同用：记下模型各层对每个词元所输出之值的总摘要，并把全部摘要写入 FILE.trace；`hefu verify --trace` 可重做",
    ),
    (
        "State in receipts one digest of every layer's output for every token; `hefu verify --trace` makes it again. Answers then reuse nothing in the cache",
        "回执记下模型各层对每个词元所输出之值的总摘要，`hefu verify --trace` 可重做；此时回答不沿用先前的缓存",
    ),
    (
        "Compute the traces that receipts state again; where one differs, say at which token and layer",
        "重算回执所记的踪迹；不同时，指出在哪个词元、哪一层",
    ),
    (
        "With --trace: the digests of the receipt's trace, by which the place is found [default: RECEIPT.trace, if it is there]",
        "与 --trace 同用：回执的各项摘要，用来找出不同之处 [默认：RECEIPT.trace，若存在]",
    ),
    (
        "Write the question for an authority to FILE (DER), to be sent by other means",
        "把给机构的请求写入文件（DER），另行发送",
    ),
];
