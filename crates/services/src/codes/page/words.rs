//! What the page says in each language. It accuses nobody: what looks wrong may have an honest reason.

use crate::codes::language::Language;

/// Everything that the page says.
pub(super) struct Words {
    pub(super) genuine: Said,
    pub(super) recalled: Said,
    pub(super) elsewhere: Said,
    pub(super) inactive: Said,
    pub(super) stolen: Said,
    pub(super) unknown: Said,
    pub(super) product: &'static str,
    pub(super) brand: &'static str,
    pub(super) serial: &'static str,
    pub(super) code: &'static str,
    pub(super) first_check: &'static str,
    pub(super) never_checked: &'static str,
    pub(super) record: &'static str,
    pub(super) recorded: &'static str,
    pub(super) language: &'static str,
    pub(super) own_name: &'static str,
    pub(super) months: [&'static str; 12],
}

/// A verdict, and what to do now.
pub(super) struct Said {
    pub(super) heading: &'static str,
    pub(super) advice: &'static str,
}

pub(super) const fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::Swahili => &SWAHILI,
        Language::French => &FRENCH,
        Language::Arabic => &ARABIC,
        Language::Somali => &SOMALI,
    }
}

const ENGLISH: Words = Words {
    genuine: Said {
        heading: "This code is genuine",
        advice: "Check that the seal is whole and that the product is the one named here.",
    },
    recalled: Said {
        heading: "This product was recalled",
        advice: "Do not use it. Take it back to where you bought it, or ask the maker.",
    },
    elsewhere: Said {
        heading: "This code was seen elsewhere too",
        advice: "The code is genuine, but it may have been copied. Check the seal and ask the seller where it comes from.",
    },
    inactive: Said {
        heading: "This code is not in use",
        advice: "It may not be released yet, used already, or past its date. Check the date and the seal, and ask the seller.",
    },
    stolen: Said {
        heading: "This product was reported missing",
        advice: "Do not use it. Please tell the maker where you found it.",
    },
    unknown: Said {
        heading: "This code is not one of ours",
        advice: "If you typed it, check each letter and try again. If you scanned it, do not rely on the product; ask the seller.",
    },
    product: "Product",
    brand: "Brand",
    serial: "Serial number",
    code: "Code",
    first_check: "First checked in",
    never_checked: "Nobody has checked this code before.",
    record: "Record this check",
    recorded: "Thank you. This check was recorded.",
    language: "Language",
    own_name: "English",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};

const SWAHILI: Words = Words {
    genuine: Said {
        heading: "Msimbo huu ni halisi",
        advice: "Hakikisha muhuri haujafunguliwa na bidhaa ni ile iliyotajwa hapa.",
    },
    recalled: Said {
        heading: "Bidhaa hii imeondolewa sokoni",
        advice: "Usiitumie. Irudishe ulikoinunua au muulize mtengenezaji.",
    },
    elsewhere: Said {
        heading: "Msimbo huu umeonekana mahali pengine pia",
        advice: "Msimbo ni halisi, lakini huenda umenakiliwa. Kagua muhuri na muulize muuzaji imetoka wapi.",
    },
    inactive: Said {
        heading: "Msimbo huu hautumiki",
        advice: "Huenda haujaanza kutumika, umeshatumika, au tarehe imepita. Kagua tarehe na muhuri, kisha muulize muuzaji.",
    },
    stolen: Said {
        heading: "Bidhaa hii imeripotiwa kupotea",
        advice: "Usiitumie. Tafadhali mweleze mtengenezaji ulikoipata.",
    },
    unknown: Said {
        heading: "Msimbo huu si wetu",
        advice: "Kama uliuandika, kagua kila herufi na ujaribu tena. Kama uliuchanganua, usiiamini bidhaa; muulize muuzaji.",
    },
    product: "Bidhaa",
    brand: "Chapa",
    serial: "Namba ya mfululizo",
    code: "Msimbo",
    first_check: "Ilikaguliwa mara ya kwanza",
    never_checked: "Hakuna aliyewahi kukagua msimbo huu.",
    record: "Rekodi ukaguzi huu",
    recorded: "Asante. Ukaguzi huu umerekodiwa.",
    language: "Lugha",
    own_name: "Kiswahili",
    months: [
        "Januari", "Februari", "Machi", "Aprili", "Mei", "Juni", "Julai", "Agosti", "Septemba", "Oktoba",
        "Novemba", "Desemba",
    ],
};

const FRENCH: Words = Words {
    genuine: Said {
        heading: "Ce code est authentique",
        advice: "Vérifiez que le sceau est intact et que le produit est bien celui indiqué ici.",
    },
    recalled: Said {
        heading: "Ce produit a été rappelé",
        advice: "Ne l’utilisez pas. Rapportez-le au point de vente ou contactez le fabricant.",
    },
    elsewhere: Said {
        heading: "Ce code a aussi été vu ailleurs",
        advice: "Le code est authentique, mais il a pu être copié. Vérifiez le sceau et demandez au vendeur d’où vient le produit.",
    },
    inactive: Said {
        heading: "Ce code n’est pas en service",
        advice: "Il n’est peut-être pas encore activé, déjà utilisé ou périmé. Vérifiez la date et le sceau, et demandez au vendeur.",
    },
    stolen: Said {
        heading: "Ce produit a été signalé disparu",
        advice: "Ne l’utilisez pas. Dites au fabricant où vous l’avez trouvé.",
    },
    unknown: Said {
        heading: "Ce code n’est pas l’un des nôtres",
        advice: "Si vous l’avez saisi, vérifiez chaque lettre et réessayez. Si vous l’avez scanné, ne vous fiez pas au produit\u{a0}: demandez au vendeur.",
    },
    product: "Produit",
    brand: "Marque",
    serial: "Numéro de série",
    code: "Code",
    first_check: "Première vérification :",
    never_checked: "Personne n’a encore vérifié ce code.",
    record: "Enregistrer cette vérification",
    recorded: "Merci. Cette vérification est enregistrée.",
    language: "Langue",
    own_name: "Français",
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
};

const ARABIC: Words = Words {
    genuine: Said {
        heading: "هذا الرمز أصلي", advice: "تأكد من أن الختم سليم وأن المنتج هو المذكور هنا."
    },
    recalled: Said {
        heading: "تم سحب هذا المنتج من السوق",
        advice: "لا تستخدمه. أعده إلى مكان الشراء أو اسأل الشركة المصنعة.",
    },
    elsewhere: Said {
        heading: "شوهد هذا الرمز في مكان آخر أيضًا",
        advice: "الرمز أصلي، لكن ربما تم نسخه. افحص الختم واسأل البائع عن مصدر المنتج.",
    },
    inactive: Said {
        heading: "هذا الرمز غير مستخدم حاليًا",
        advice: "ربما لم يُفعَّل بعد أو استُخدم من قبل أو انتهت مدته. افحص التاريخ والختم واسأل البائع.",
    },
    stolen: Said {
        heading: "تم الإبلاغ عن فقدان هذا المنتج",
        advice: "لا تستخدمه. من فضلك أخبر الشركة المصنعة أين وجدته.",
    },
    unknown: Said {
        heading: "هذا الرمز ليس من رموزنا",
        advice: "إذا كتبته فتحقق من كل حرف وحاول مرة أخرى. وإذا مسحته فلا تعتمد على المنتج واسأل البائع.",
    },
    product: "المنتج",
    brand: "العلامة التجارية",
    serial: "الرقم التسلسلي",
    code: "الرمز",
    first_check: "أول تحقق في",
    never_checked: "لم يتحقق أحد من هذا الرمز من قبل.",
    record: "سجّل هذا التحقق",
    recorded: "شكرًا لك. تم تسجيل هذا التحقق.",
    language: "اللغة",
    own_name: "العربية",
    months: [
        "يناير",
        "فبراير",
        "مارس",
        "أبريل",
        "مايو",
        "يونيو",
        "يوليو",
        "أغسطس",
        "سبتمبر",
        "أكتوبر",
        "نوفمبر",
        "ديسمبر",
    ],
};

const SOMALI: Words = Words {
    genuine: Said {
        heading: "Koodhkani waa mid sax ah",
        advice: "Hubi in shaabaddu dhan tahay oo badeecaddu tahay midda halkan ku qoran.",
    },
    recalled: Said {
        heading: "Badeecaddan suuqa ayaa laga saaray",
        advice: "Ha isticmaalin. Ku celi halkii aad ka iibsatay ama weydii soo saaraha.",
    },
    elsewhere: Said {
        heading: "Koodhkan meel kale ayaa sidoo kale lagu arkay",
        advice: "Koodhku waa sax, laakiin waa laga yaabaa in la koobiyeeyey. Hubi shaabadda oo weydii iibiyaha halka ay ka timid.",
    },
    inactive: Said {
        heading: "Koodhkan lama isticmaalayo",
        advice: "Waa laga yaabaa in aan weli la furin, hore loo isticmaalay ama taariikhdu dhacday. Hubi taariikhda iyo shaabadda, weydiina iibiyaha.",
    },
    stolen: Said {
        heading: "Badeecaddan waxaa la sheegay inay maqan tahay",
        advice: "Ha isticmaalin. Fadlan u sheeg soo saaraha halkaad ka heshay.",
    },
    unknown: Said {
        heading: "Koodhkani kuwayaga ma aha",
        advice: "Haddii aad qortay, hubi xaraf kasta oo mar kale isku day. Haddii aad sawirtay, ha ku kalsoonaan badeecadda; weydii iibiyaha.",
    },
    product: "Badeecad",
    brand: "Summad",
    serial: "Lambarka taxanaha",
    code: "Koodh",
    first_check: "Markii ugu horreysay ee la hubiyey",
    never_checked: "Cidna hore uma hubin koodhkan.",
    record: "Diiwaangeli hubintan",
    recorded: "Mahadsanid. Hubintan waa la diiwaangeliyey.",
    language: "Luqad",
    own_name: "Soomaali",
    months: [
        "Janaayo",
        "Febraayo",
        "Maarso",
        "Abriil",
        "Maajo",
        "Juun",
        "Luuliyo",
        "Ogost",
        "Sebteembar",
        "Oktoobar",
        "Nofeembar",
        "Diseembar",
    ],
};
