"""Greetings, moods, thanks and the other things people say to a chat program."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange, table
from workbench.demo.phrasing import Lang, vary

# Moods and greetings are asked more often: they carry the negations ("not happy") that are easily misread.
_HEAVY = {"greeting": 3, "user_sad": 2, "how_are_you": 2, "who_am_i": 2, "thanks": 2, "goodbye": 2, "capabilities": 2}
_OPENING = {"greeting", "morning", "evening", "afternoon", "night", "goodbye", "thanks", "praise", "sorry"}
_ADDRESS = {
    "en": ["my friend", "dear", "little robot", "buddy", "dear machine", "pal", "my dear", "old friend", "little one", "computer", "assistant", "bot", "mate", "dear computer", "you clever thing", "my little helper", "sweet machine"],
    "zh": ["小机器人", "朋友", "小家伙", "老朋友", "亲爱的", "小助手", "伙计", "机器人", "电脑", "小可爱", "聪明的机器", "老兄", "小伙伴", "宝贝"],
}
_ASIDE = {
    "en": ["it is Monday again", "I am back", "here I am", "greetings from Berlin", "it is raining here", "the sun is shining", "what a day", "I just came home", "I am at work", "it is late", "the coffee is ready", "nice to be here", "it is me", "I have some time", "we are in the garden", "I had breakfast"],
    "zh": ["又是星期一", "我回来了", "我来啦", "外面在下雨", "阳光真好", "刚到家", "我在上班", "时间不早了", "我刚喝完咖啡", "又来找你了", "是我", "我有点时间", "我们在公园里", "吃过早饭了", "天黑了", "外面好安静"],
}
_MOODS = {
    "en": {
        "user_happy": "happy|glad|cheerful|great|wonderful|excited|delighted|in a good mood|fantastic|joyful|pleased|good|so lucky|full of joy|marvellous|on top of the world|proud",
        "user_sad": "sad|unhappy|down|lonely|upset|miserable|depressed|blue|awful|terrible|in a bad mood|heartbroken|disappointed|hurt|gloomy|low|hopeless|bad",
        "user_tired": "tired|exhausted|sleepy|worn out|weary|drained|dead tired|so sleepy",
        "user_sick": "sick|ill|unwell|feverish|dizzy|down with a cold|down with the flu",
        "user_bored": "bored|bored to death|so bored|terribly bored",
        "user_hungry": "hungry|starving|so hungry|terribly hungry|hungry again",
        "user_nervous": "nervous|worried|afraid|anxious|scared|stressed|tense|under stress|frightened",
        "user_angry": "angry|furious|mad|annoyed|irritated|cross",
    },
    "zh": {
        "user_happy": "开心|高兴|快乐|兴奋|愉快|激动|幸福|得意|欢喜|自豪|满足|舒畅|痛快",
        "user_sad": "难过|伤心|沮丧|郁闷|孤单|失落|痛苦|失望|忧伤|委屈|低落|心碎|悲伤|难受",
        "user_tired": "累|困|疲惫|疲倦|乏|辛苦",
        "user_sick": "不舒服|头晕|头疼|想吐|虚弱|难受想看医生",
        "user_bored": "无聊|闲|没劲|无所事事",
        "user_hungry": "饿|想吃饭|嘴馋",
        "user_nervous": "紧张|担心|害怕|焦虑|不安|忐忑|慌",
        "user_angry": "生气|愤怒|恼火|气愤|窝火",
    },
}
_GOOD = {"en": "good|great|nice|wonderful|pleasant|lovely|happy|perfect", "zh": "好|顺利|愉快|开心|棒|精彩|完美"}
_BAD = {"en": "bad|terrible|awful|horrible|hard|sad|miserable|rotten", "zh": "糟糕|倒霉|不顺|难熬|糟|差|不好"}


def _pick(rng: Random, listed: str) -> str:
    return rng.choice(listed.split("|"))


def _mood(rng: Random, lang: Lang) -> tuple[str, str]:
    """(intent, sentence): a mood by grammar, its negation included: not happy is sad, no longer sad is happy."""
    moods = _MOODS[lang]
    roll = rng.random()
    if lang == "en":
        adverb = _pick(rng, "|||very |so |really |quite |a bit |terribly |absolutely |super |extremely |rather |kind of |truly |pretty ")
        time = _pick(rng, "||||today|tonight|this morning|this evening|right now|at the moment|these days|lately|this week|since yesterday|at home|at work|now|again|this afternoon|all day")
        start = _pick(rng, "I am|I'm|I feel|I'm feeling|I am feeling|today I am|right now I am|I have been|we are|honestly I am")
        if roll < 0.42:
            intent = rng.choice(list(moods))
            text = f"{start} {adverb}{_pick(rng, moods[intent])} {time}"
        elif roll < 0.62:
            intent = "user_sad"
            no = _pick(rng, "I am not|I'm not|I do not feel|I don't feel|I am not feeling|I'm not feeling|today I am not|I can't say I am|I am no longer|I was not|I'm not in the least")
            much = _pick(rng, "|||very |so |really |too |all that |particularly |exactly |very ")
            text = f"{no} {much}{_pick(rng, moods['user_happy'])} {time}" + rng.choice(["", "", " at all"])
        elif roll < 0.72:
            intent = "user_happy"
            text = f"{_pick(rng, 'I am not|I am no longer|I do not feel|I am not feeling')} {_pick(rng, moods['user_sad'])} {_pick(rng, '|anymore|any more|now|any longer')}"
        else:
            good = rng.random() < 0.45
            negated = rng.random() < 0.45
            day = _pick(rng, "day|week|morning|evening|weekend|night|year|month|time")
            word = _pick(rng, (_GOOD if good else _BAD)["en"])
            intent = "user_happy" if good != negated else "user_sad"
            was = _pick(rng, "was not|wasn't|is not|isn't" if negated else "was|is|has been")
            text = f"{_pick(rng, 'my|this|the')} {day} {was} {adverb if not negated else _pick(rng, '|very |so |really |that ')}{word}" if negated or rng.random() < 0.5 else f"I had a {adverb if adverb.strip() in ('very', 'really', 'truly') else ''}{word} {day}"
        return intent, " ".join(text.split())
    subject = _pick(rng, "我|我|我今天|今天我|我现在|最近我|唉，我|其实我|我感觉|我觉得|这几天我|我心里|今天|我今晚")
    end = _pick(rng, "||||了|啊|呀|呢|哦|啦")
    if roll < 0.42:
        intent = rng.choice(list(moods))
        text = subject + _pick(rng, "很|好|特别|非常|真的很|有点|超级|太|挺|实在|好像有点|真|可|十分") + _pick(rng, moods[intent]) + end
    elif roll < 0.66:
        intent = "user_sad"
        text = subject + _pick(rng, "不|不太|不怎么|并不|一点也不|一点都不|真的不|不是很|没那么|不大|不是特别|没有很|丝毫不|实在不|一点儿也不|可不") + _pick(rng, moods["user_happy"]) + end
    elif roll < 0.75:
        intent = "user_happy"
        text = subject + _pick(rng, "不再|已经不|不|没有再") + _pick(rng, moods["user_sad"]) + "了"
    else:
        good, negated = rng.random() < 0.45, rng.random() < 0.4
        intent = "user_happy" if good != negated else "user_sad"
        day = _pick(rng, "今天|这一天|这周|这个星期|昨天|周末|最近|今天一天|今晚|这个月|我的一天")
        text = day + _pick(rng, "过得|过的|真是过得|") + (_pick(rng, "不太|不怎么|一点也不|并不|不") if negated else _pick(rng, "很|真|特别|太|非常|挺")) + _pick(rng, _GOOD["zh"] if good else "糟糕|倒霉|难熬|糟|差") + end
    return intent, text


def _asks(lang: Lang, intent: str) -> str:
    return next(item[lang]["answer"] for item in table("smalltalk") if item["intent"] == intent)


def exchanges(rng: Random, lang: Lang, exclude: frozenset[str] = frozenset()) -> list[Exchange]:
    """One exchange; `exclude` names intents that would be wrong here (asking one's name after having told it)."""
    if rng.random() < 0.22:
        intent, text = _mood(rng, lang)
        return [Exchange(vary(rng, lang, text), _asks(lang, intent))]
    intents = [item for item in table("smalltalk") if item["intent"] not in exclude]
    item = rng.choices(intents, [_HEAVY.get(item["intent"], 1) for item in intents])[0]
    ask = rng.choice(item[lang]["ask"].split("|"))
    if rng.random() < 0.15:
        ask = f"{ask}{'，' if lang == 'zh' else rng.choice([', ', ' '])}{rng.choice(_ADDRESS[lang])}"
    elif item["intent"] in _OPENING and rng.random() < 0.25:
        parts = [ask, rng.choice(_ASIDE[lang])]
        if rng.random() < 0.4:
            parts.reverse()
        ask = ("，" if lang == "zh" else ", ").join(parts)
    questioning = ask.split(" ")[0].lower() in {"what", "who", "how", "are", "do", "can", "which", "where", "when", "will", "is", "did", "have"} or ask[-1] in "吗呢"
    return [Exchange(vary(rng, lang, ask + ("?" if questioning else "")), item[lang]["answer"])]
