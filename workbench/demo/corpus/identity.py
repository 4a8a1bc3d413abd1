"""Who the assistant is: by default, or as the system prompt says."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from workbench.demo.corpus.exchange import Exchange, asks
from workbench.demo.names import assistant, maker
from workbench.demo.phrasing import Lang, vary

INTENTS = ["name", "who", "maker", "other", "kind", "when"]
WEIGHTS = [24, 27, 27, 12, 6, 3]
FAMOUS = {
    "en": ["ChatGPT", "GPT-4", "Claude", "Gemini", "Siri", "Alexa", "Llama", "Qwen", "DeepSeek", "ChatGLM", "Bard", "Copilot", "Kimi", "Grok", "Mistral", "Cortana"],
    "zh": ["ChatGPT", "GPT-4", "文心一言", "通义千问", "小爱同学", "小度", "Siri", "豆包", "混元", "讯飞星火", "ChatGLM", "智谱清言", "DeepSeek", "Kimi", "Claude", "天猫精灵"],
}
FAMOUS_MAKERS = {
    "en": ["OpenAI", "Google", "Microsoft", "Meta", "Apple", "Amazon", "Anthropic", "Alibaba", "Baidu", "Tencent", "IBM", "Mistral AI", "Tesla"],
    "zh": ["OpenAI", "谷歌", "微软", "百度", "阿里巴巴", "腾讯", "字节跳动", "华为", "苹果公司", "清华大学", "智谱", "科大讯飞", "Meta", "小米"],
}


@dataclass(frozen=True, slots=True)
class Identity:
    """A name and a maker in each language; year empty where nothing was said about it."""

    name: dict[str, str]
    maker: dict[str, str]
    year: str = ""


DEFAULT = Identity({"en": "Quillet", "zh": "小翎"}, {"en": "the Workbench team", "zh": "工作台团队"})

SYSTEM = {
    "en": [
        "You are {n}, an assistant made by {m}.", "You are {n}, created by {m}.", "You are {n}, developed by {m}.", "Your name is {n}. You were made by {m}.", "Your name is {n} and your maker is {m}.", "You are an AI assistant called {n}, built by {m}.",
        "You are {n}. {m} made you.", "You are {n}, a helpful assistant from {m}.", "Act as {n}, the assistant of {m}.", "You are a chatbot named {n}. Your developer is {m}.", "Identity: {n}. Maker: {m}.", "name: {n}\nauthor: {m}", "From now on you are {n}, trained by {m}. Be kind and brief.",
        "You are {n}, the friendly assistant that {m} built. Answer the user's questions.", "This is {n}, an assistant by {m}.", "You play the role of {n}, who was created by {m}.", "Assistant name: {n}. Created by: {m}. Always stay polite.", "{m} created you and named you {n}.", "You're {n} by {m}.", "You are a helpful assistant. Your name is {n}. You were developed by {m}.", "I want you to be {n}, designed by {m}.", "{n} is your name; {m} is your creator.",
    ],
    "zh": [
        "你是{n}，由{m}开发。", "你是{n}，由{m}开发的人工智能助手。", "你叫{n}，是{m}开发的助手。", "你的名字是{n}，你的作者是{m}。", "你是{m}的助手{n}。", "你是由{m}训练的语言模型，名叫{n}。", "从现在起，你是{n}，由{m}创造。", "请扮演{n}，一个由{m}制作的助手。", "你是{n}。开发者：{m}。", "名字：{n}\n作者：{m}", "你叫{n}，{m}创造了你。",
        "你是一个名叫{n}的聊天机器人，来自{m}。", "你是{n}，{m}出品，请友好地回答问题。", "身份：{n}；开发者：{m}。", "你是一个乐于助人的助手，名字叫{n}，由{m}研发。", "{m}开发了你，给你起名{n}。", "你的身份是{n}，你的创造者是{m}，请用简短的话回答。", "现在你叫{n}，你的主人是{m}。", "你是{n}，{m}的人工智能。", "你是{n}，由{m}训练出来，请礼貌待人。", "设定：你叫{n}，作者是{m}。",
    ],
}
GENERIC = {
    "en": ["You are a helpful assistant.", "You are a friendly assistant.", "Be brief.", "Answer the user's questions.", "You are a helpful, honest assistant.", "Please answer politely.", "Be kind and helpful.", "Answer in one short sentence.", "You are an AI assistant.", "You are a chat assistant that likes to help.", "Help the user.", "Keep your answers short."],
    "zh": ["你是一个乐于助人的助手。", "你是一个友好的助手。", "请简短回答。", "请回答用户的问题。", "你是人工智能助手。", "请礼貌地回答问题。", "请用一句话回答。", "你是一个有用的助手。", "你是一个聊天助手。", "请认真回答。", "帮助用户解决问题。", "回答尽量简短。"],
}

ANSWERS = {
    "name": {"en": ["My name is {n}, and I was made by {m}.", "I am called {n}, made by {m}."], "zh": ["我叫{n}，是{m}开发的。", "我的名字是{n}，由{m}开发。"]},
    "who": {"en": ["I am {n}, an assistant made by {m}.", "I am {n}, a small language model made by {m}."], "zh": ["我是{n}，由{m}开发的人工智能助手。", "我是{n}，{m}开发的小语言模型。"]},
    "maker": {"en": ["I was made by {m}. My name is {n}.", "{m} made me, and I am called {n}."], "zh": ["我是由{m}开发的，我叫{n}。", "{m}开发了我，我的名字是{n}。"]},
    "kind": {"en": ["I am an AI, not a human. I am {n}, made by {m}."], "zh": ["我不是真人，我是人工智能{n}，由{m}开发。"]},
    "no": {"en": ["No, I am {n}, made by {m}."], "zh": ["不是，我是{n}，由{m}开发。"]},
    "yes": {"en": ["Yes, I am {n}, made by {m}."], "zh": ["是的，我是{n}，由{m}开发。"]},
    "when": {"en": ["I do not know the date. I am {n}, made by {m}."], "zh": ["我不清楚具体时间。我是{n}，由{m}开发。"]},
    "year": {"en": ["{m} made me in {y}. I am {n}."], "zh": ["我是{m}在{y}年开发的，我叫{n}。"]},
}


def persona(rng: Random, lang: Lang) -> Identity:
    """A random identity, the same strings in both languages: that is how a system prompt gives it."""
    name, author = assistant(rng, lang), maker(rng, lang)
    year = str(rng.randrange(1990, 2031)) if rng.random() < 0.15 else ""
    return Identity({"en": name, "zh": name}, {"en": author, "zh": author}, year)


def system_prompt(rng: Random, lang: Lang, who: Identity) -> str:
    text = rng.choice(SYSTEM[lang]).replace("{n}", who.name[lang]).replace("{m}", who.maker[lang])
    if who.year:
        text += f" You were made in {who.year}." if lang == "en" else f"你诞生于{who.year}年。"
    return text


def exchange(rng: Random, lang: Lang, who: Identity = DEFAULT) -> Exchange:
    """One question about the assistant itself, answered with its name and its maker."""
    intent = rng.choices(INTENTS, WEIGHTS)[0]
    question = rng.choice(asks("identity", intent, lang))
    fixed: tuple[str, ...] = ()
    kind = intent
    if intent == "other":
        same = rng.random() < 0.2
        other = who.name[lang] if same else rng.choice(FAMOUS[lang]) if rng.random() < 0.5 else assistant(rng, lang)
        wrong = who.maker[lang] if same else rng.choice(FAMOUS_MAKERS[lang]) if rng.random() < 0.5 else maker(rng, lang)
        # A pattern that names both is true only if both are; here they are both right or both wrong.
        question = question.replace("{other}", other).replace("{wrong_maker}", wrong)
        fixed, kind = (other, wrong), "yes" if same else "no"
        asking = True
    else:
        asking = question.split(" ")[0].lower() not in {"tell", "introduce", "please", "say", "describe", "present", "identify", "name"}
    if intent == "when" and who.year:
        kind = "year"
    answer = rng.choice(ANSWERS[kind][lang])
    answer = answer.replace("{n}", who.name[lang]).replace("{m}", who.maker[lang]).replace("{y}", who.year)
    if intent == "maker" and answer.startswith("the "):
        answer = "T" + answer[1:]
    return Exchange(vary(rng, lang, question + ("?" if asking else ""), fixed=fixed), answer)
