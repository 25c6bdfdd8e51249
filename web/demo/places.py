"""Invented people of several countries: names, companies and number ranges for the demo's clients.

Short lists of our own, so that the demo looks the same on every machine and needs no generator at run time.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Land:
    """One country's share of the clients. `mobiles` and `landlines` are E.164 with `#` for a digit."""

    weight: int
    given: tuple[str, ...]
    family: tuple[str, ...]
    companies: tuple[str, ...]
    """Company names; `{}` takes a family name."""
    mobiles: tuple[str, ...]
    landlines: tuple[str, ...]
    notes: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SPAIN = Land(
    30,
    _words("María Carmen Lucía Paula Marta Jordi Montserrat Núria Oriol Javier Álvaro Sergio Iñaki Begoña Rocío"),
    (
        *_words("García Martínez López Sánchez Fernández Gómez Muñoz Núñez Puig Ferrer Vidal Soler Roca Ibáñez"),
        "Fernández de Córdoba y Álvarez de Toledo",
        "Castellà i Domènech",
    ),
    ("Talleres {} S.L.", "{} e Hijos S.A.", "Reformas {}", "Fusteria {} SCCL", "Cooperativa Agrícola de {}"),
    ("+346########",),
    ("+3491#######", "+3493#######"),
    ("Prefiere que le llamen por la tarde.", "Ha demanat pressupost per a tres finestres.", "Paga a 30 días."),
)
PORTUGAL = Land(
    16,
    _words("Ana Inês Beatriz Mariana João Tiago Gonçalo Rui António Conceição Luís Catarina"),
    _words("Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Gonçalves Magalhães Simões Brandão"),
    ("Transportes {} Lda", "{} & Irmãos", "Construções {} Lda", "Quinta dos {}"),
    ("+35191#######", "+35196#######"),
    ("+35121#######",),
    ("Quer factura com o número de contribuinte.", "Ligar só depois das 17h."),
)
BRAZIL = Land(
    18,
    _words("Júlia Fernanda Camila Thaís Gustavo Rafael Caio Vinícius Sebastião Iara Antônia Luíza"),
    _words("Souza Almeida Barbosa Ribeiro Carvalho Araújo Cavalcanti Nascimento Assunção Guimarães Brandão"),
    ("{} Comércio Ltda", "Padaria {}", "{} Engenharia S.A.", "Grupo {} Participações"),
    ("+55119########", "+55219########"),
    ("+55113#######",),
    ("Pediu desconto para pagamento à vista.", "Entrega só na portaria."),
)
RUSSIA = Land(
    22,
    _words("Анна Екатерина Ольга Наталья Дмитрий Алексей Сергей Иван Пётр Фёдор Юлия Любовь Вячеслав"),
    _words("Иванов Смирнов Кузнецов Попов Соколов Лебедев Щербаков Жуков Ёлкин Кириленко Чайка Мацкевич"),
    ("ООО «{}»", "ИП {}", "ЗАО «Торговый дом {}»", "Мебельная фабрика «{} и партнёры»"),  # noqa: RUF001 - Russian
    ("+7916#######", "+7903#######", "+7921#######"),
    ("+7495#######", "+7812#######"),
    ("Просит перезвонить после обеда.", "Замер в субботу утром.", "Говорит по-русски и по-английски."),
)
FRANCE = Land(
    14,
    _words("Claire Élodie Maëlle Chloé François Jérôme Noël Benoît Loïc Agnès Thérèse Grégoire"),
    _words("Durand Lefèvre Garnier Chevalier Bérenger Dubois-Lacroix Rousseau Père Gaudin Vasseur"),
    ("{} & Fils", "Établissements {}", "Boulangerie {}", "SARL {} Menuiserie"),
    ("+337600#####", "+336010#####"),
    ("+3314#######",),
    ("Préfère un rendez-vous le matin.", "Facture par courriel."),
)
GERMANY = Land(
    12,
    _words("Jürgen Käthe Sönke Anneliese Björn Günther Heike Matthias Zoë Ruth Uwe"),
    _words("Müller Schröder Weiß Köhler Groß Jäger Lindemann Freiherr-von-Waldburg Böttcher Kühn"),
    ("{} GmbH", "{} Fenster- und Türenbau GmbH & Co. KG", "Autohaus {}", "Praxis Dr. {}"),
    ("+49151########", "+49170#######"),
    ("+49308######",),
    ("Bitte nur schriftlich bestätigen.", "Rückruf ab 16 Uhr."),
)
BRITAIN = Land(
    12,
    _words("Emily Oliver Charlotte Harry Siobhán Rhys Eleanor Callum Imogen Alfie"),
    _words("Smith O'Neill Pritchard MacDonald Featherstonehaugh Clarke Okafor Patel Wright Hughes-Jones"),
    ("{} & Sons, Ltd", "{} Interiors", "The {} Bakery", "{} Conveyancing LLP"),
    ("+447400######",),
    ("+442079######",),
    ("Asked for the catalogue twice.", "Leave the parcel with the neighbour."),
)
STATES = Land(
    8,
    _words("Jacob Madison Tyler Alyssa Luis Destiny Noah Grace Marcus Zoe"),
    _words("Johnson Williams Nguyen Rodriguez Kowalski Washington Begay Lee Schmidt McAllister"),
    ("{} Holdings Inc.", "{} Brothers", "{} Family Dental", "{} Roofing LLC"),
    ("+16462######", "+12125550###"),
    ("+13125550###",),
    ("Prefers text messages.", "Tax exempt, certificate on file."),
)
VIETNAM = Land(
    10,
    _words("Linh Hương Tuấn Minh Thảo Đức Quỳnh Ngọc Phúc Trâm"),
    _words("Nguyễn Trần Lê Phạm Hoàng Vũ Đặng Bùi Đỗ Ngô"),
    ("Công ty TNHH {}", "Nhà hàng {}", "{} Logistics"),
    ("+8490#######", "+8498#######"),
    ("+84243#######",),
    ("Muốn nhận báo giá qua email.", "Gọi lại vào buổi sáng."),
)
ITALY = Land(
    8,
    _words("Giulia Niccolò Chiara Lorenzo Beatrice Noè Alessandra Matteo"),
    _words("Rossi Bianchi D'Angelo De Luca Esposito Lo Presti Colombo Forlì"),
    ("Fratelli {} S.r.l.", "Officina {}", "Trattoria da {}"),
    ("+39347#######", "+39338#######"),
    ("+39066#######",),
    ("Chiede sempre di Elena.", "Consegna al piano."),
)
UKRAINE = Land(
    8,
    _words("Оксана Андрій Тетяна Богдан Ірина Юрій Зоряна Євген"),
    _words("Шевченко Коваленко Бондаренко Ткачук Кравець Їжакевич Савчук Гнатюк"),
    ("ТОВ «{}»", "ФОП {}", "Пекарня «{}»"),  # noqa: RUF001 - Ukrainian
    ("+38067#######", "+38050#######"),
    ("+38044#######",),
    ("Просить рахунок українською.", "Зателефонувати після 18:00."),
)
LANDS = (SPAIN, PORTUGAL, BRAZIL, RUSSIA, FRANCE, GERMANY, BRITAIN, STATES, VIETNAM, ITALY, UKRAINE)

GROUPS = ("Retail", "Wholesale", "Partner", "Installer")
TAGS = (
    "windows",
    "doors",
    "kitchen",
    "balcony",
    "warranty",
    "own measurements",
    "by e-mail",
    "price asked",
    "referral",
)
CALL_NOTES = (
    ("Asked when the fitters come; told Thursday before noon.", "information given"),
    ("Wants the quote again by e-mail, with the white frames.", "callback"),
    ("Complains about the delivery: one handle missing. Sent a new one.", "complaint"),
    ("Measurement agreed for Saturday 10:00.", "sold"),
    ("Will decide after talking to the family, call back next week.", "callback"),
    ("Competitor offers better packaging; promised a sample.", "callback"),
    ("Paid yesterday, asked to check. Payment found.", "information given"),
    ("Needs an invoice with another address.", "information given"),
    ("Happy with the installation, recommends us to a neighbour.", "information given"),
    ("Order not found under this name, passed on to billing.", "information given"),
    ("Asked for ten percent off three windows; offered five, accepted.", "sold"),
    ("Has bought elsewhere, no further calls please.", "not interested"),
)
"""What agents noted on calls, in the house's own language, and the result that goes with it."""
RESULTS = {"information given": 48, "callback": 24, "sold": 17, "not interested": 8, "complaint": 3}
"""Results of calls without a note -> share."""
