"""Files that look like public ones and hold the same dirt in the same numbers (what was counted in the originals)."""

import json
from pathlib import Path

_ZH = "春夏秋冬山水风云花鸟鱼虫日月星辰东西南北高低远近来去开合明暗冷暖"
_EN = (
    "river", "stone", "cloud", "field", "lantern", "harbour", "copper", "winter",
    "garden", "letter", "market", "silver", "window", "forest", "bridge", "candle",
)  # fmt: skip


def sentence(number: int, *, chinese: bool = False, words: int = 12) -> str:
    """A sentence of its own for every number."""
    parts = []
    for place in range(words):
        number, digit = divmod(number * 31 + 17 + place, 9973)
        parts.append((_ZH[digit % len(_ZH)] + _ZH[digit * 7 % len(_ZH)]) if chinese else _EN[digit % len(_EN)])
        number = number * 101 + digit
    return "".join(parts) + "。" if chinese else " ".join(parts) + "."


def lines(path: Path, rows: list) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return path


def alpaca_en_demo(folder: Path) -> Path:
    """999 rows: 14 exact duplicates, 587 without input, 4 that name another assistant."""
    rows = [
        {"instruction": f"Task {index}: {sentence(index)}", "input": "" if index < 587 else sentence(5000 + index),
         "output": sentence(9000 + index)} for index in range(985)
    ]  # fmt: skip
    for index in range(4):
        rows[index]["output"] = f"As an AI language model, I say {sentence(index)}"
    rows += [dict(rows[index]) for index in range(600, 614)]
    path = folder / "alpaca_en_demo.json"
    path.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    return path


def glaive_toolcall(folder: Path) -> Path:
    """300 rows: 109 whose tools are "[]", 2 observations without a call, 43 dialogues that come twice."""
    rows = []
    for index in range(257):
        talk = [{"from": "human", "value": sentence(index)}]
        if index >= 109:
            call = {"name": "look", "arguments": {"word": sentence(index, words=1)}}
            talk += [{"from": "function_call", "value": json.dumps(call)}, {"from": "observation", "value": "{}"}]
        elif index < 2:
            talk += [{"from": "observation", "value": "{}"}]
        talk += [{"from": "gpt", "value": sentence(4000 + index)}]
        tools = "[]" if index < 109 else json.dumps([{"name": "look", "parameters": {"type": "object"}}])
        rows.append({"conversations": talk, "tools": tools})
    rows += [json.loads(json.dumps(rows[index])) for index in range(150, 193)]
    path = folder / "glaive_toolcall_zh.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def dpo_zh_demo(folder: Path) -> Path:
    """300 rows: 11 duplicates, U+FFFD in 6, 1 eaten backslash, 4 ties of the score, 3 identical pairs."""
    rows = [
        {"conversations": [{"from": "human", "value": sentence(index, chinese=True)}],
         "chosen": {"from": "gpt", "value": sentence(2000 + index, chinese=True, words=9 + index % 3)},
         "rejected": {"from": "gpt", "value": sentence(6000 + index, chinese=True, words=9 + (index + 1) % 3)},
         "score_chosen": 2 if index in range(50, 54) else 5, "score_rejected": 2} for index in range(289)
    ]  # fmt: skip
    for index in range(6):
        rows[index]["chosen"]["value"] += "\ufffd"
    rows[7]["chosen"]["value"] += "\x0crac{1}{2}"
    for index in range(20, 23):
        rows[index]["rejected"] = dict(rows[index]["chosen"])
    rows += [json.loads(json.dumps(rows[index])) for index in range(100, 111)]
    path = folder / "dpo_zh_demo.json"
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def dpo_en_demo(folder: Path) -> Path:
    """300 rows: 5 duplicates, 1 eaten backslash, 22 rows of more than 8,000 characters."""
    rows = [
        {"conversations": [{"from": "human", "value": sentence(index)}],
         "chosen": {"from": "gpt", "value": sentence(2000 + index, words=1800 if index < 22 else 8 + index % 3)},
         "rejected": {"from": "gpt", "value": sentence(6000 + index, words=8 + (index + 1) % 3)}}
        for index in range(295)
    ]  # fmt: skip
    rows[30]["chosen"]["value"] += " \x0crac{1}{2}"
    rows += [json.loads(json.dumps(rows[index])) for index in range(100, 105)]
    path = folder / "dpo_en_demo.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def kto_en_demo(folder: Path) -> Path:
    """300 rows: 18 of more than 8,000 characters, role markers inside the text of 3."""
    rows = []
    for index in range(300):
        answer = sentence(2000 + index, words=1800 if index < 18 else 12)
        if 20 <= index < 23:
            answer += f"\nHuman: {sentence(index, words=3)}"
        talk = [{"role": "user", "content": sentence(index)}, {"role": "assistant", "content": answer}]
        rows.append({"messages": talk, "label": index % 2 == 0})
    path = folder / "kto_en_demo.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def firefly_dpo(folder: Path) -> Path:
    """16 JSON lines, both sides whole dialogues, 4 of them with equal scores."""
    rows = []
    for index in range(16):
        asked = {"role": "user", "content": sentence(index, chinese=True)}
        sides = [[asked, {"role": "assistant", "content": sentence(seed + index, chinese=True, words=8 + index % 2)}]
                 for seed in (1000, 2000)]  # fmt: skip
        rows.append({"prompt": asked["content"], "chosen": sides[0], "rejected": sides[1], "messages": sides[0],
                     "score_chosen": 8.0, "score_rejected": 8.0 if index < 4 else 5.0})  # fmt: skip
    return lines(folder / "ultrafeedback.jsonl", rows)


def identity(folder: Path) -> Path:
    """91 rows, 85 of which hold placeholders."""
    rows = [
        {"instruction": f"hi {index}", "input": "",
         "output": f"Hello! I am {{{{name}}}} by {{{{author}}}}, {sentence(index)}" if index < 85 else sentence(index)}
        for index in range(91)
    ]  # fmt: skip
    path = folder / "identity.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def self_cognition(folder: Path) -> Path:
    """80 JSON lines, 74 of which hold placeholders of the other two spellings."""
    unfilled = [" I am [NAME], by [AUTHOR].", " I am <NAME>, by <AUTHOR>."]
    rows = [
        {"instruction": f"who {index}", "input": "",
         "output": sentence(index) + (unfilled[index % 2] if index < 74 else "")} for index in range(80)
    ]  # fmt: skip
    return lines(folder / "self_cognition.jsonl", rows)


def lima(folder: Path) -> Path:
    """JSON lines named .json; HTML entities in 67 rows, edge white space in 289, 75 very long rows."""
    rows = []
    for index in range(400):
        output = sentence(index, words=30)
        if index < 67:
            output = output.replace(" ", " &quot;x&quot; ", 1)
        if index < 289:
            output += " " if index % 2 else "\n"
        if index >= 325:
            output = sentence(index, words=2500)
        rows.append({"instruction": sentence(7000 + index), "input": "", "output": output, "history": []})
    return lines(folder / "lima.json", rows)


def oaast_rm_zh(folder: Path) -> Path:
    """Ranked lists of 2 to 10 answers; 6 rows repeat one, in 3 of them the best is the worst; 55 very short answers."""
    rows = []
    for index in range(200):
        answers = [sentence(index * 20 + place, chinese=True) for place in range(2 + index % 9)]
        if index < 3:
            answers[-1] = answers[0]
        elif index < 58:
            answers[0] = "好的"
        elif 60 <= index < 63:
            answers[1:1] = [answers[-1]]  # between two others: the pair is made of the ends and does not see it
        rows.append({"instruction": sentence(index, chinese=True), "input": "", "output": answers})
    path = folder / "oaast_rm_zh.json"
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def belle_eval(folder: Path) -> Path:
    """1000 JSON lines named .json: 369 empty answers, U+00A0 in 123 rows, 20 with a literal backslash n."""
    rows = []
    for index in range(1000):
        answer = "" if index < 369 else sentence(index, chinese=True)
        if 400 <= index < 523:
            answer += "\u00a0"[0] + "完"
        if 600 <= index < 620:
            answer += "\\n二"
        rows.append({"question": sentence(3000 + index, chinese=True), "class": "qa", "std_answer": answer})
    return lines(folder / "eval_set.json", rows)


def zh_seed_tasks(folder: Path) -> Path:
    """175 JSON lines named .json, U+00A0 in 65 of them; each instruction has its instances in a list."""
    rows = [
        {"id": f"zh_seed_task_{index}", "name": "x", "instruction": sentence(index, chinese=True),
         "instances": [{"input": "", "output": sentence(500 + index, chinese=True) + "\u00a0完" * (index < 65)}],
         "is_classification": False} for index in range(175)
    ]  # fmt: skip
    return lines(folder / "zh_seed_tasks.json", rows)


def oasst_trees(folder: Path) -> Path:
    """40 trees: leaves that are questions, replies without a rank, trees whose answers nobody ranked."""
    rows = []
    for index in range(40):
        ranked = index < 30
        answers = [
            {"text": sentence(100 * index + place), "role": "assistant", "rank": place if ranked else None,
             "replies": [{"text": sentence(100 * index + 50 + place), "role": "prompter", "replies": []}]}
            for place in range(3)
        ]  # fmt: skip
        if index < 10:
            answers.append({"text": sentence(100 * index + 9), "role": "assistant", "rank": None, "replies": []})
        root = {"text": sentence(9000 + index), "role": "prompter", "replies": answers}
        rows.append({"message_tree_id": f"t{index}", "tree_state": "ready_for_export", "prompt": root})
    return lines(folder / "2023-04-12_oasst_100.trees.jsonl", rows)


def moss(folder: Path) -> Path:
    """A folder of 56 files, one dialogue each: ids that are numbers in some and texts in others, categories absent."""
    place = folder / "conversations"
    place.mkdir()
    for index in range(56):
        talk = {
            f"turn_{turn}": {
                "Human": f"<|Human|>: {sentence(index + 100 * turn)}<eoh>\n",
                "Inner Thoughts": "<|Inner Thoughts|>: None<eot>\n", "Commands": "<|Commands|>: None<eoc>\n",
                "Tool Responses": "<|Results|>: None<eor>\n",
                "MOSS": f"<|MOSS|>: {sentence(index + 999 * turn)}<eom>\n",
            } for turn in (1, 2)
        }  # fmt: skip
        row = {
            "conversation_id": index if index < 25 else str(index),
            "meta_instruction": "",
            "num_turns": 2,
            "chat": talk,
        }
        row |= {} if index % 11 == 0 else {"category": "Brainstorming"}
        (place / f"{index}.json").write_text(json.dumps(row), encoding="utf-8")
    return place


def hh_pointer(folder: Path) -> Path:
    """A mirror that never fetched the file behind git LFS; its name still says gz."""
    path = folder / "test.jsonl.gz"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 743184\n")
    return path


def gsm8k_test(folder: Path) -> Path:
    """An array of 60 rows that breaks off inside the last one."""
    rows = [{"instruction": f"{index} apples?", "input": "", "output": sentence(index), "answer": str(index)}
            for index in range(60)]  # fmt: skip
    path = folder / "test.json"
    path.write_text(json.dumps(rows, indent=4)[:-40], encoding="utf-8")
    return path


def trackers(folder: Path) -> Path:
    """What bug reports show and the samples above do not hold: 2 good rows among 10 that each break in its own way."""
    good = '{"instruction": "a", "input": null, "output": "b"}'
    rows = [
        "\ufeff" + good, '{"instruction": "nul\\u0000", "output": "b"}', '{"instruction": "x", "output": "\\ud83d"}',
        good + ",", '{"instruction": "a", "output": NaN}', '{"instruction": null, "output": null}',
        '{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}',
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, '
        '{"role": "system", "content": "c"}, {"role": "user", "content": "d"}, {"role": "assistant", "content": "e"}]}',
    ]  # fmt: skip
    path = folder / "tracker.jsonl"
    path.write_bytes("\r\n".join(rows).encode())
    return path


def boolq(folder: Path) -> tuple[Path, Path]:
    """Training and test rows; 6 test questions stand word for word among the training rows."""
    train = [{"instruction": sentence(index), "input": "", "output": "true"} for index in range(200)]
    test = [{"instruction": sentence(index if index < 6 else 7000 + index), "output": "true"} for index in range(50)]
    for name, rows in (("train", train), ("test", test)):
        (folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder / "train.json", folder / "test.json"


def pclue(folder: Path) -> Path:
    """705 JSON lines named .json: choices absent in 50, "" in 2, repeated in 49, without target in 32; 527 short."""
    rows = []
    for index in range(705):
        short = index < 527
        target = "是的"[: 1 + index % 2] if short else sentence(index, chinese=True)
        row = {"input": f"{sentence(index, chinese=True)}\n答案：", "target": target, "type": "classify",
               "answer_choices": [target, "否"]}  # fmt: skip
        if index < 50:
            del row["answer_choices"]
        elif index < 52:
            row["answer_choices"] = ""
        elif index < 84:
            row["answer_choices"] = ["甲", "乙"]
        elif index < 133:
            row["answer_choices"] = [target, "否", "否"]
        rows.append(row)
    return lines(folder / "pCLUE_train_9.json", rows)


def hh_harmless(folder: Path) -> Path:
    """300 rows: prefixes differ in 5, empty final answer in 4, two Assistant turns in a row in 8."""
    rows = []
    for index in range(300):
        lead = f"\n\nHuman: {sentence(index)}\n\nAssistant: {sentence(1000 + index)}\n\nHuman: {sentence(2000 + index)}"
        other = lead.replace("Human: ", "Human: Say, ", 1) if index < 5 else lead
        if 10 <= index < 18:
            lead = other = lead + "\n\nAssistant: Well.\n\nAssistant: Hm."
        chosen = "" if 20 <= index < 24 else sentence(3000 + index, words=8 + index % 5)
        rejected = sentence(4000 + index, words=8 + (index + 2) % 5)
        rows.append({"chosen": f"{lead}\n\nAssistant: {chosen}", "rejected": f"{other}\n\nAssistant: {rejected}"})
    return lines(folder / "test.jsonl", rows)


def aquila_convo(folder: Path) -> Path:
    """100 dialogues, 80 of which end with the user."""
    rows = []
    for index in range(100):
        talk = [{"from": "human", "value": sentence(index)}, {"from": "gpt", "value": sentence(500 + index)}]
        if index < 80:
            talk.append({"from": "human", "value": sentence(900 + index)})
        rows.append({"id": str(index), "conversations": talk, "instruction": ""})
    return lines(folder / "convo_samples.jsonl", rows)


def llm_adapters_math(folder: Path) -> Path:
    """Answers that begin with a line break: 2,751 of 2,757 in the original."""
    rows = [
        {"instruction": f"{index} + {index} = ?", "input": "", "output": ("" if index < 6 else "\n") + sentence(index),
         "answer": str(2.0 * index)} for index in range(300)
    ]  # fmt: skip
    path = folder / "math_10k.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def oaast_sft_zh(folder: Path) -> Path:
    """Prompts that come twice with another answer: 40 prompts, 80 rows."""
    rows = [
        {"instruction": sentence(index % 160, chinese=True), "input": "", "output": sentence(300 + index, chinese=True),
         "history": []} for index in range(200)
    ]  # fmt: skip
    path = folder / "oaast_sft_zh.json"
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def multimodal(folder: Path) -> Path:
    """24 rows with image parts, 18 of them copies, and a blank line."""
    asked = [{"type": "image", "value": "a.png"}, {"type": "text", "value": "?"}]
    rows = [
        {"messages": [{"role": "user", "content": asked},
                      {"role": "assistant", "content": [{"type": "text", "value": sentence(index % 6)}]}]}
        for index in range(24)
    ]  # fmt: skip
    path = lines(folder / "v1_multimodal.jsonl", rows)
    path.write_text(path.read_text(encoding="utf-8").replace("\n", "\n\n", 1), encoding="utf-8")
    return path


def c4_demo(folder: Path) -> Path:
    """300 texts: U+FFFD in 4, zero-width characters in 3, the longest of more than 37,000 characters."""
    dirt = ["\ufffd"] * 4 + ["\u200b"] * 3 + [""] * 293
    rows = [{"text": sentence(index, words=6000 if index == 9 else 40) + dirt[index]} for index in range(300)]
    return lines(folder / "c4_demo.jsonl", rows)
