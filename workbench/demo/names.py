"""A random generator -> names of assistants, makers and people: Chinese, Latin, rare and everyday ones.

Wide variety is the point: the model must learn to copy *any* name it is told, so names are drawn from code points
and syllables, from given names, and from everyday words that also occur in the other topics.
"""

from __future__ import annotations

from functools import cache
from random import Random

from workbench.demo.phrasing import Lang

GIVEN = ["Oscar", "Emma", "Liam", "Olivia", "Noah", "Ava", "Lucas", "Mia", "Ethan", "Sofia", "Mason", "Amelia", "Logan", "Harper", "James", "Evelyn", "Henry", "Alice", "Leo", "Clara", "Jack", "Ruby", "Max", "Nora", "Adam", "Ella", "Sam", "Lily", "Tom", "Anna", "Ben", "Kate", "Peter", "Laura", "Paul", "Maria", "David", "Sarah", "Daniel", "Julia", "Mark", "Helen", "Simon", "Diana", "Victor", "Irene", "Felix", "Rosa", "Hugo", "Iris", "Marta", "Pablo", "Elena", "Diego", "Lucia", "Ivan", "Olga", "Yuri", "Anya", "Boris", "Vera", "Hans", "Greta", "Karl", "Heidi", "Pierre", "Camille", "Louis", "Chloe", "Marco", "Giulia", "Luca", "Bianca", "Kenji", "Yuki", "Haruto", "Sakura", "Minho", "Jisoo", "Arjun", "Priya", "Ravi", "Meera", "Omar", "Layla", "Yusuf", "Fatima", "Ali", "Zara", "Kofi", "Ama", "Tunde", "Zola", "Nils", "Freya", "Lars", "Ingrid", "Tariq", "Nadia", "Samir", "Leila", "Dmitri", "Katya", "Mateo", "Camila", "Thiago", "Ines", "Rafael", "Beatriz", "George", "Edith", "Walter", "Agnes", "Arthur", "Mabel", "Frank", "Dorothy", "Ruth", "Grace", "Robert", "Susan", "Michael", "Linda", "William", "Nancy", "Richard", "Betty", "Charles", "Karen", "Thomas", "Lisa", "Bob", "Amy", "Jim", "Sue", "Joe", "Ann", "Tim", "Eve", "Ron", "Zoe", "Ian", "Joy", "Kim", "Lee", "Ray", "May"]
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
PLAIN = "小红小明小华小李阿强阿花天云雨雪星月风山水火花草树叶青蓝白黑红紫金银春夏秋冬东南西北一二三四五六七八九十大中明亮晴雷电光海河江湖石木土鸟鱼马龙虎豆米茶糖果桃梅兰竹菊松柏雀燕鹤鹿熊猫心安宁静乐福喜吉祥瑞文思雅慧灵巧智远航帆舟"
ONSETS = ["b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "qu", "r", "s", "sh", "st", "t", "th", "tr", "v", "w", "x", "y", "z", ""]
VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ia", "oo", "ou", "y", "é", "ö", "ü"]
CODAS = ["", "", "", "n", "r", "l", "s", "x", "th", "m", "ck", "nd", "lt"]
ENGLISH_WORDS = ["Sky", "River", "Stone", "Cloud", "Star", "Moon", "Sun", "Rain", "Snow", "Fox", "Bear", "Lion", "Tiger", "Robin", "Apple", "Lemon", "Cherry", "Rose", "Ivy", "Amber", "Pearl", "Ruby", "Coral", "Sage", "Olive", "Echo", "Nova", "Orion", "Comet", "Pixel", "Spark", "Breeze", "Ember", "Maple", "Willow", "Cedar", "Harbor", "Ocean", "Lake", "Forest", "Hill", "Dawn", "Dusk", "Spring", "Summer", "Autumn", "Winter", "Monday", "Friday", "April", "June", "Blue", "Green", "Gray", "Scarlet", "Violet", "Buddy", "Helper", "Genie", "Scout", "Atlas", "Sparrow", "Lark", "Raven", "Finch", "Otter", "Panda", "Koala", "Dolphin", "Whale", "Bee", "Ant", "Paris", "Milan", "Sydney", "Vienna", "Happy", "Lucky", "Sunny", "Swift", "Bright"]
LAB_WORDS = {
    "en": ["Lab", "Labs", "Studio", "Team", "Institute", "University", "Works", "Group", "Foundation", "Company", "Inc.", "Ltd.", "Research", "AI", "Collective", "Society", "Systems", "Tech", "Robotics", "School"],
    "zh": ["实验室", "工作室", "团队", "研究院", "大学", "科技", "公司", "小组", "研究所", "集团", "社区", "学院", "智能", "基金会", "俱乐部", "工坊", "中学", "书院", "网络", "软件"],
}


@cache
def _gb2312() -> str:
    """The 6,763 Han characters of GB2312, the common ones first."""
    text = []
    for high in range(0xB0, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                text.append(bytes((high, low)).decode("gb2312"))
            except UnicodeDecodeError:  # five unassigned cells
                continue
    return "".join(text)


def han(rng: Random, length: int) -> str:
    """Random Han characters: everyday, common, GB2312 at large, or any of the CJK block."""
    roll = rng.random()
    if roll < 0.30:
        pool = PLAIN
    elif roll < 0.55:
        pool = _gb2312()[:3755]
    elif roll < 0.88:
        pool = _gb2312()
    else:
        return "".join(chr(rng.randrange(0x4E00, 0x9FA6)) for _ in range(length))
    return "".join(rng.choice(pool) for _ in range(length))


def syllables(rng: Random, count: int) -> str:
    """A pronounceable invented Latin name, capitalised."""
    text = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + (rng.choice(CODAS) if rng.random() < 0.5 else "") for _ in range(count))
    return text[:1].upper() + text[1:]


def latin(rng: Random) -> str:
    """One Latin name of one to three words, now and then with a title, a number, a hyphen or an odd case."""
    roll = rng.random()
    if roll < 0.30:
        name = rng.choice(GIVEN)
    elif roll < 0.50:
        name = rng.choice(ENGLISH_WORDS)
    elif roll < 0.85:
        name = syllables(rng, rng.choice([1, 2, 2, 2, 3]))
    else:
        name = "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.choice([2, 3, 3, 4])))
    roll = rng.random()
    if roll < 0.16:
        name += " " + (syllables(rng, 2) if rng.random() < 0.5 else rng.choice(ENGLISH_WORDS + GIVEN))
    elif roll < 0.22:
        name += "-" + str(rng.randrange(1, 100))
    elif roll < 0.27:
        name += rng.choice(["", " "]) + str(rng.randrange(1, 100))
    elif roll < 0.32:
        name = rng.choice(["Dr. ", "Mr. ", "Ms. ", "Captain ", "Professor ", "Lady ", "Sir "]) + name
    elif roll < 0.35:
        name += rng.choice(["-", "'", "."]) + syllables(rng, 1)
    elif roll < 0.38:
        name += rng.choice(["GPT", "Bot", "AI", "LM", "Chat"])
    elif roll < 0.40:
        name = name.lower()
    if rng.random() < 0.05:
        name = name.replace("o", "ö", 1) if rng.random() < 0.5 else name.replace("e", "ë", 1)
    return name


def assistant(rng: Random, lang: Lang | None = None) -> str:
    """What an assistant might be called; both scripts occur in both languages."""
    chinese = rng.random() < (0.5 if lang is None else 0.72 if lang == "zh" else 0.28)
    if not chinese:
        return latin(rng)
    name = han(rng, rng.choice([1, 2, 2, 2, 2, 3, 3, 4]))
    roll = rng.random()
    if roll < 0.2:
        name = rng.choice("小小小阿阿老大") + name
    elif roll < 0.25:
        name += rng.choice(["助手", "机器人", "同学", "老师", "博士", "君", "号"])
    return name


def maker(rng: Random, lang: Lang | None = None) -> str:
    """Who might have made it: a lab, a company, a person."""
    chinese = rng.random() < (0.5 if lang is None else 0.72 if lang == "zh" else 0.28)
    if chinese:
        if rng.random() < 0.25:
            return rng.choice(SURNAMES) + han(rng, rng.choice([1, 2, 2]))
        return han(rng, rng.choice([2, 2, 2, 3, 4])) + (rng.choice(LAB_WORDS["zh"]) if rng.random() < 0.85 else "")
    roll = rng.random()
    if roll < 0.35:
        return latin(rng) + (" " + syllables(rng, 2) if rng.random() < 0.4 else "")
    stem = latin(rng) if rng.random() < 0.7 else rng.choice(ENGLISH_WORDS)
    return ("the " if rng.random() < 0.1 else "") + stem + " " + rng.choice(LAB_WORDS["en"])


def person(rng: Random, lang: Lang) -> str:
    """A user's name for the dialogues that recall it."""
    if lang == "zh" and rng.random() < 0.78:
        roll = rng.random()
        if roll < 0.55:
            return rng.choice(SURNAMES) + han(rng, rng.choice([1, 1, 2]))
        if roll < 0.85:
            return rng.choice("小小小阿老大") + han(rng, 1)
        return han(rng, 2)
    roll = rng.random()
    if roll < 0.5:
        return rng.choice(GIVEN)
    if roll < 0.9:
        return syllables(rng, rng.choice([2, 2, 3]))
    return rng.choice(ENGLISH_WORDS)
