"""Something the user tells about himself, and asks for later in the same dialogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from workbench.demo.corpus.exchange import Exchange
from workbench.demo.names import han, latin, person
from workbench.demo.phrasing import Lang, vary


@dataclass(frozen=True, slots=True)
class Memory:
    """What is told ("{v}" is the value), how it is acknowledged, asked for and answered."""

    tell: str
    reply: str
    ask: str
    answer: str
    values: Callable[[Random], str]


def _of(words: str) -> Callable[[Random], str]:
    return lambda rng: rng.choice(words.split("|"))


NAME = {
    "en": Memory(
        "my name is {v}|my name is {v}|my name's {v}|I am {v}|I'm {v}|call me {v}|you can call me {v}|please call me {v}|this is {v}|{v} here|people call me {v}|they call me {v}|everyone calls me {v}|I go by {v}|the name is {v}|hi, I'm {v}|hello, my name is {v}|hello, I am {v}, nice to meet you|hey there, {v} here|remember: my name is {v}|remember that my name is {v}|let me introduce myself: I am {v}|my friends call me {v}|just call me {v}|it's {v}|my first name is {v}|I was named {v}|good morning, I'm {v}|you are talking to {v}|{v} is my name|{v}, that's me|everybody here knows me by {v}|my parents named me {v}|you speak with {v}|they gave me the name {v}|I respond to {v}|use {v} when you talk to me|write down my name: {v}|I am known as {v}|folks know me by {v}|my name would be {v}|the person typing is {v}",
        "Nice to meet you, {v}!|Hello {v}, nice to meet you!",
        "what is my name?|what's my name?|do you remember my name?|do you know my name?|who am I?|what did I say my name was?|tell me my name|what am I called?|how am I called?|can you remember my name?|do you still know my name?|my name is?|say my name|what do people call me?|what do you call me?|my name?|and what is my name?|which name did I tell you?|by what name should you call me?|do you recall my name?|repeat my name|what name did I give you?|have you forgotten my name?|do you remember who I am?|so who am I?|I told you my name, what is it?|what is the name of the person you talk to?|how should you address me?|what was it that I am called?|my name, do you have it?|can you tell what I am called?|could you repeat my name?|and who might I be?|what was the name I told you?|I forgot my own name, help me|tell me who I am|so what do you call me?|which person are you talking with?|do you still have my name?|what's the name I mentioned?|how did I introduce myself?|would you say my name?|who is it that you are talking to?",
        "Your name is {v}.", lambda rng: person(rng, "en"),
    ),
    "zh": Memory(
        "我叫{v}|我叫{v}|我的名字是{v}|我的名字叫{v}|我是{v}|叫我{v}吧|你可以叫我{v}|大家都叫我{v}|请叫我{v}|我名叫{v}|本人{v}|你好，我叫{v}|你好，我是{v}|记住，我叫{v}|请记住我的名字：{v}|朋友们叫我{v}|先自我介绍一下，我叫{v}|我的名字：{v}|嗨，我是{v}，很高兴认识你|在下{v}|叫我{v}就行|跟你说，我叫{v}|别人都喊我{v}|{v}是我的名字|我姓名是{v}|早上好，我是{v}|家里人叫我{v}|同学都叫我{v}|我的大名是{v}|称呼我{v}就好|我的名字就是{v}|以后叫我{v}|给你介绍一下，我叫{v}|记好了，我的名字是{v}|说话的人是{v}|我爸妈给我取名{v}",
        "你好，{v}！很高兴认识你。|很高兴认识你，{v}！",
        "我叫什么？|我叫什么名字？|我的名字是什么？|你还记得我的名字吗？|你记得我叫什么吗？|我是谁？|我刚才说我叫什么？|说出我的名字|你知道我叫什么吗？|还记得我是谁吗？|我叫啥？|我的名字？|那我叫什么？|我名字是啥|你应该叫我什么？|你该怎么称呼我？|我告诉过你我的名字，是什么？|刚才我说我叫什么来着？|重复一下我的名字|忘了我叫什么吗？|你跟谁在说话？|跟你说话的人叫什么？|我前面说的名字是什么？|请问我叫什么？|我姓甚名谁？|刚刚我说我是谁来着？|你还叫得出我的名字吗？|我的名字你记住了吗？|我前面告诉你我叫啥？|那我是谁呢？|说一下我叫什么|现在你知道我是谁了吧？|该叫我什么好？|我刚刚报的名字是什么？|你能说出我的名字吗？|我是哪位？|我之前介绍过自己，我叫什么？",
        "你叫{v}。", lambda rng: person(rng, "zh"),
    ),
}
OTHERS = {
    "en": [
        Memory("my favourite color is {v}|my favorite color is {v}|I love the color {v}|the color I like best is {v}|I like {v} best of all colors", "I will remember that.", "what is my favourite color?|which color do I like?|do you remember my favorite color?|what color do I like best?|my favorite color?", "Your favourite color is {v}.", _of("red|blue|green|yellow|purple|pink|orange|white|black|brown|grey")),
        Memory("my dog is called {v}|I have a dog named {v}|my dog's name is {v}|the name of my dog is {v}", "What a nice name!", "what is my dog's name?|how is my dog called?|what is the name of my dog?|do you remember the name of my dog?|my dog's name?", "Your dog is called {v}.", lambda rng: person(rng, "en")),
        Memory("my cat is called {v}|I have a cat named {v}|my cat's name is {v}|we call our cat {v}", "What a nice name!", "what is my cat's name?|how is my cat called?|what is the name of my cat?|do you remember the name of my cat?", "Your cat is called {v}.", lambda rng: person(rng, "en")),
        Memory("I live in {v}|I am from {v}|I come from {v}|my home is in {v}|my city is {v}", "That sounds like a nice place.", "where do I live?|where am I from?|which city do I live in?|do you remember where I live?|where is my home?", "You live in {v}.", _of("Paris|Rome|London|Berlin|Madrid|Tokyo|Beijing|Shanghai|Vienna|Oslo|Lima|Cairo|New York|Boston|Milan|Sydney|Prague|Athens|Lisbon|Moscow|Porto|Osaka")),
        Memory("I am {v} years old|my age is {v}|I just turned {v}|I'm {v} years old", "Good to know!", "how old am I?|what is my age?|do you remember my age?|how old did I say I am?", "You are {v} years old.", lambda rng: str(rng.randrange(5, 90))),
        Memory("my favourite food is {v}|I love to eat {v}|the food I like best is {v}|I like {v} most of all food", "That sounds delicious!", "what is my favourite food?|what food do I like?|what do I love to eat?|do you remember my favorite food?", "Your favourite food is {v}.", _of("pizza|noodles|rice|soup|bread|cake|apples|bananas|fish|chocolate|tofu|dumplings|salad|eggs|cheese")),
        Memory("I work as a {v}|my job is {v}|I am a {v} by profession", "That is a good job.", "what is my job?|what do I work as?|do you remember my job?|what is my profession?", "You work as a {v}.", _of("teacher|doctor|nurse|cook|farmer|driver|singer|writer|painter|pilot|programmer|baker|lawyer")),
    ],
    "zh": [
        Memory("我最喜欢的颜色是{v}|我喜欢{v}|我最爱{v}|所有颜色里我最喜欢{v}", "好的，我记住了。", "我最喜欢什么颜色？|我喜欢什么颜色？|你还记得我喜欢的颜色吗？|我最爱的颜色是什么？", "你最喜欢的颜色是{v}。", _of("红色|蓝色|绿色|黄色|紫色|粉色|橙色|白色|黑色|棕色|灰色")),
        Memory("我的狗叫{v}|我养了一只狗，叫{v}|我家的狗名叫{v}|我有条小狗叫{v}", "真是个好名字！", "我的狗叫什么？|我家的狗叫什么名字？|你记得我的狗叫什么吗？|我的小狗叫啥？", "你的狗叫{v}。", lambda rng: han(rng, 2)),
        Memory("我的猫叫{v}|我养了一只猫，叫{v}|我家的猫名叫{v}|我有只小猫叫{v}", "真是个好名字！", "我的猫叫什么？|我家的猫叫什么名字？|你记得我的猫叫什么吗？|我的小猫叫啥？", "你的猫叫{v}。", lambda rng: han(rng, 2)),
        Memory("我住在{v}|我来自{v}|我是{v}人|我家在{v}|我生活在{v}", "听起来是个好地方。", "我住在哪里？|我来自哪里？|我是哪里人？|我家在哪儿？|你记得我住哪吗？", "你住在{v}。", _of("北京|上海|广州|深圳|杭州|成都|南京|武汉|西安|重庆|苏州|天津|巴黎|东京|伦敦|昆明|长沙|青岛|厦门|大连")),
        Memory("我今年{v}岁|我{v}岁了|我的年龄是{v}岁|我刚满{v}岁", "好的，我知道了。", "我几岁？|我今年多大？|我多少岁？|你还记得我的年龄吗？|我几岁了？", "你今年{v}岁。", lambda rng: str(rng.randrange(5, 90))),
        Memory("我最喜欢吃{v}|我爱吃{v}|我最爱的食物是{v}|我喜欢的食物是{v}", "听起来真好吃！", "我最喜欢吃什么？|我爱吃什么？|你还记得我喜欢吃什么吗？|我最爱的食物是什么？", "你最喜欢吃{v}。", _of("面条|米饭|饺子|包子|苹果|香蕉|蛋糕|豆腐|鱼|火锅|西瓜|巧克力|面包|鸡蛋")),
        Memory("我的工作是{v}|我的职业是{v}|我是做{v}的", "这是份不错的工作。", "我是做什么的？|我的工作是什么？|我的职业是什么？|你记得我的工作吗？", "你的工作是{v}。", _of("老师|医生|护士|厨师|农民|司机|歌手|作家|画家|飞行员|程序员|面包师|律师")),
    ],
}


_TAILS = {
    "en": [" and I like music", " and I have a question", ", good to be here", " and I am new here", ", from the north", " and I am ten", " and this is my first time here", ", how do you do", " and I have a dog", " and I love books", ", I just got home", " and I work nearby"],
    "zh": ["，第一次来这里", "，我喜欢音乐", "，我有个问题", "，刚到家", "，请多关照", "，我是新来的", "，家在北方", "，今年十岁", "，我爱看书", "，我养了一只狗", "，认识你真好"],
}


def _one(rng: Random, lang: Lang, memory: Memory) -> tuple[Exchange, Exchange]:
    value = memory.values(rng)
    if memory is NAME[lang] and rng.random() < 0.08:
        value = latin(rng)
    telling = rng.choice(memory.tell.split("|")).replace("{v}", value)
    if memory is NAME[lang] and rng.random() < 0.15:  # people go on talking
        telling += rng.choice(_TAILS[lang])
    if telling.startswith(value):
        told = telling
    else:
        told = vary(rng, lang, telling, fixed=(value,))
    tell = Exchange(told, rng.choice(memory.reply.split("|")).replace("{v}", value))
    ask = Exchange(vary(rng, lang, rng.choice(memory.ask.split("|"))), memory.answer.replace("{v}", value))
    return tell, ask


def dialogue(rng: Random, lang: Lang, filler: Callable[[], list[Exchange]]) -> list[Exchange]:
    """Tell one or two things, talk of something else (`filler`), then ask for them."""
    name = NAME[lang]
    roll = rng.random()
    if roll < 0.12 :  # told and asked within one message
        tell, ask = _one(rng, lang, name if rng.random() < 0.7 else rng.choice(OTHERS[lang]))
        stop = "" if tell.question[-1] in ".。!！，," else ("." if lang == "en" else "。")
        return [Exchange(tell.question + stop + (" " if lang == "en" else "") + ask.question, ask.answer)]
    if roll < 0.72:
        memories = [name]
    elif roll < 0.88:
        memories = [rng.choice(OTHERS[lang])]
    else:
        memories = [name, rng.choice(OTHERS[lang])]
        rng.shuffle(memories)
    pairs = [_one(rng, lang, memory) for memory in memories]
    out = [tell for tell, _ in pairs]
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        out += filler()
    asked = [ask for _, ask in pairs]
    rng.shuffle(asked)
    out += asked
    if rng.random() < 0.1:
        out += filler()
    return out
