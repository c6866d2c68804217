"""What captions are put together of: who, when, where, how, pleas, marks, in both languages."""

KOREAN = {
    "흰색": ["흰색", "하얀색", "하얀", "흰", "화이트", "백색"],
    "검정": ["검정", "검은색", "검정색", "까만", "검은", "블랙", "까만색"],
    "빨강": ["빨강", "빨간색", "빨간", "붉은색", "레드", "빨강색"],
    "주황": ["주황", "주황색", "오렌지색", "주황빛"],
    "노랑": ["노랑", "노란색", "노란", "옐로우", "노랑색"],
    "초록": ["초록", "초록색", "녹색", "그린", "초록빛"],
    "파랑": ["파랑", "파란색", "파란", "남색", "블루", "파랑색"],
    "갈색": ["갈색", "밤색", "브라운", "갈색빛"],
    "보라": ["보라", "보라색", "자주색", "퍼플"],
    "핑크": ["핑크", "분홍색", "핑크색", "분홍"],
    "회색": ["회색", "은색", "그레이", "쥐색", "회색빛"],
}
ENGLISH_MORE = {"grey": ["gray", "silver"], "blue": ["navy", "navy blue"], "purple": ["violet"]}

MARKS = (
    "작은,큰,조그만,커다란,낡은,새,새로 산,오래된,가죽,천으로 된,플라스틱,비싼,예쁜,아끼는,두꺼운,얇은,긴,짧은,"
    "무거운,가벼운,동그란,네모난,반짝이는,무늬 있는,줄무늬,체크무늬,꽃무늬,스티커 붙은,이름 적힌,끈 달린,"
    "지퍼 달린,손잡이 있는,긁힌,찢어진,때 탄,나이키,삼성,구찌,아디다스,브랜드 없는,명품,어린이용,여성용,남성용,"
    "중고,선물 받은,엄마가 사 준,제 이름이 쓰인,고리가 달린,로고가 있는,연한,진한,밝은,어두운,짙은,빈티지,"
    "소형,대형,접히는,비닐에 든,상자에 든"
).split(",")
PLACES = (
    "지하철,버스,강남역,서울역,택시,공원,카페,학교,도서관,식당,화장실,마트,부산역,정류장,기차,공항,병원,영화관,"
    "편의점,백화점,2호선,KTX,대전역,놀이터,체육관,주차장,호텔,시장,헬스장,교실,강의실,사무실,회사,은행,우체국,"
    "찜질방,수영장,해수욕장,터미널,고속버스,휴게소,엘리베이터,계단,승강장,대합실,매표소,출구,입구,3번 출구,"
    "홍대,신촌,명동,잠실,종로,수원역,동대구역,광주,제주,인천,9호선,1호선,분당선,마을버스,시내버스,통근버스,"
    "택시 뒤,기숙사,운동장,독서실,피시방,노래방,빵집,술집,미용실,세탁소,약국,치과,동물원,박물관,미술관,경기장,"
    "야구장,공연장,교회,성당,절,놀이공원,캠핑장,등산로,골목,횡단보도,육교,상가,지하상가,푸드코트,대기실,열차 안,"
    "객실,좌석,선반,안내소,경비실,현관,옥상,복도,창구,로터리,다리 밑,구청,주민센터,경찰서,역무실"
).split(",")
AT = "에서,에서,에서,에,에다,에다가,안에서,앞에서,근처에서,쪽에서,옆에서,부근에서,에 갔다가,가는데,들렀다가,갔다가,나오다가,지나다가".split(
    ","
)
BESIDE = "옆에,위에,안에,밑에,뒤에,앞에,사이에,속에,옆에 있던,위에 있던,안에 있던,밑에 있던,하고 같이,하고,타고 가다가,사다가".split(
    ","
)
WHEN = (
    "어제,오늘,그저께,그제,지난주,지난달,방금,아까,조금 전,오늘 아침,어제 저녁,어젯밤,새벽에,아침에,점심때,"
    "저녁에,밤에,주말에,월요일에,화요일 오후,수요일 밤,목요일,금요일 저녁에,토요일,일요일에,11월 3일,10월 말쯤,"
    "12일 오전,3시쯤,오후 5시경,저녁 7시 반에,퇴근길에,출근길에,등굣길에,하교하면서,며칠 전,2주 전에,작년에,"
    "올해 초,연휴 때,명절에,크리스마스에,비 오던 날,눈 오는 날,휴가 중에,여행 중에,출장 중,시험 보던 날,"
    "2026년 11월 1일,15:30쯤,막차에서,첫차 탔을 때"
).split(",")
HOW = (
    "급하게 내리다가,졸다가,모르고,실수로,깜빡하고,정신없이,친구랑 놀다가,계산하다가,환승하다가,뛰다가,술 먹고,"
    "아이 데리고 다니다가,짐이 많아서,전화 받다가,사진 찍다가,밥 먹고,커피 마시다가,화장실 다녀오다가,운동하다가,"
    "자리 옮기다가,옷 갈아입다가,문 닫히는 바람에,줄 서 있다가,버스 갈아타면서,청소하다가,산책하다가,자전거 타다가,"
    "강아지 산책시키다가,이사하면서,일행과 헤어지면서,바람에 날려서,넘어지면서,손이 미끄러워,서두르느라"
).split(",")
WHO = (
    "제가,저희 아이가,우리 딸이,동생이,엄마가,아버지가,남편이,아내가,친구가,할머니께서,손님이,어떤 학생이,승객이,"
    "직원이,조카가,선생님이,누나가,형이,외국인 친구가,기사님이,회사 동료가,딸아이가"
).split(",")
# Stems in the past tense: any of ENDS may follow.
LOST = (
    "잃어버렸,분실했,떨어뜨렸,두고 왔,두고 내렸,놓고 왔,놓고 내렸,놔두고 나왔,흘렸,빠뜨렸,도둑맞았,잊어버리고 왔,"
    "안 가지고 나왔,소매치기당했,두고 나갔,잃었,까먹고 왔,놓쳤"
).split(",")
FOUND = (
    "주웠,습득했,발견했,보관했,맡아 뒀,경찰서에 맡겼,주워서 갖고 있었,역무실에 전달했,찾았,유실물센터에 접수했,"
    "주워 왔,가지고 있었"
).split(",")
GONE = (
    "없어졌,사라졌,안 보였,떨어져 있었,굴러다녔,걸려 있었,남아 있었,접수됐,발견됐,들어왔,빠졌,버려져 있었,"
    "습득됐,분실됐,도난당했"
).split(",")
ENDS = (
    "어요,어요,습니다,습니다,네요,는데요,는데,어,음,다,거든요,나 봐요,지 뭐예요,던 듯해요,을까요,다고 합니다,답니다,"
    "다고 해요,는지 모르겠어요,는데 못 찾겠어요,으니 연락 바랍니다,는데 보셨나요,어서 속상해요,네,군요"
).split(",")
SEEK = (
    "찾습니다,찾아요,찾고 있어요,찾고 있습니다,찾는 중이에요,찾는 중입니다,찾아 주세요,찾으러 왔어요,찾고 싶어요,"
    "보셨나요,보셨어요,못 보셨나요,보신 적 있나요,가져가셨나요,주우신분 연락 주세요,보신분 계신가요,보관 중이신가요,"
    "돌려주세요,수소문합니다,애타게 찾아요,꼭 찾고 싶습니다,봤나요,본 사람,주운 사람 있나요,갖고 계신가요"
).split(",")
NOUNS = (
    "분실,습득,사진,분실물,유실물,분실 신고,습득 신고,보관 중,보관 중입니다,주인 찾습니다,주인을 찾아요,찾음,잃어버림,"
    "주움,있나요,없나요,분실했어요,들어왔나요,문의,문의드립니다,찾아가세요,관련 문의,접수,건,입니다,이에요"
).split(",")
OF_LOST = (
    "잃어버린,분실한,두고 온,두고 내린,놓고 간,흘린,떨어뜨린,없어진,사라진,도난당한,빠뜨린,놓고 온,잊고 온"
).split(",")
OF_FOUND = "주운,습득한,발견한,보관 중인,떨어져 있던,버려진,접수된,들어온,맡아 둔,남아 있던".split(
    ","
)
GREETINGS = (
    "안녕하세요,도와주세요,급해요,여러분,안녕하십니까,수고하십니다,저기요,분실 신고합니다,긴급,[분실],[습득],"
    "(급구),문의드립니다,죄송한데,부탁드립니다,선생님,관리자님,질문 있어요,제발요,공유 부탁드려요"
).split(",")
PLEAS = (
    "연락 주세요,연락 바랍니다,연락 부탁드립니다,사례하겠습니다,사례금 드려요,꼭 돌려주세요,소중한 물건이에요,"
    "제보 부탁드려요,문자 주세요,전화 주세요,댓글 달아 주세요,정말 중요합니다,안에 현금이 들어 있어요,"
    "선물 받은 거예요,이름표가 붙어 있어요,오래 쓴 물건입니다,새것입니다,비싼 거예요,어머니 유품입니다,"
    "지금 역무실에 있어요,경비실에 맡겼습니다,찾아가세요,주인분 오세요,보시면 말씀해 주세요,너무 속상해요,"
    "어떻게 해야 하나요,어디로 가야 하나요,찾으면 알려 주세요,부탁드립니다,감사합니다,고맙습니다,크기는 작아요,"
    "손바닥만 해요,상표는 없습니다,흠집이 있어요,끈이 달려 있습니다,구석에 낙서가 있어요,며칠째 못 찾고 있어요,"
    "분실물센터에도 없대요,CCTV 확인 중입니다,010으로 전화 주세요,학생입니다,외국인입니다,내일까지 필요해요"
).split(",")
ATTACHED = (
    ",,,에서,에,하고,이,가,은,는,도,만,까지,부터,처럼,보다,때문에,인데,이라서,라고,으로,한테,마다,하면서,했는데,"
    "하다가,하려고,하러,했어요,합니다,입니다,이에요,들,씨가,님이,쪽,해서,했더니,한,하던,하는"
).split(",")

STARTS_EN = "b,br,c,cl,d,f,fl,g,gr,h,k,l,m,n,p,pl,r,s,sk,sp,t,tr,v,w".split(",")
ENDS_EN = "ed,t,s,ing,".split(",")
KIN_EN = "son,daughter,friend,mother,boss,baby,neighbour,brother,wife,roommate".split(",")
BESIDE_EN = (
    "next to,under,inside,on top of,behind,with,out of,in,near,from,off,beside,between,that fell out of,that was in,"
    "that I left on,which lay under,that dropped from"
).split(",")
LOST_EN = (
    "lost,misplaced,left behind,dropped,forgot,can't find,am missing,left,think I dropped,must have left,seem to have lost,"
    "am looking for,have lost,had,was carrying,am searching for"
).split(",")
FOUND_EN = (
    "found,picked up,came across,noticed,saw,turned over,brought,am keeping,discovered,spotted,have got,received"
).split(",")
WHEN_EN = (
    "yesterday,today,this morning,last night,last week,on Monday,on Friday evening,around 3 pm,at noon,two days ago,"
    "just now,a moment ago,over the weekend,on my way home,on November 3,during lunch,before class,at about 5:30,"
    "some days ago,in October,earlier"
).split(",")
WHERE_EN = (
    "on the subway,on the bus,at the station,in a taxi,in the park,at school,in the library,at a cafe,in the restroom,"
    "at the airport,on line 2,at the mall,in the parking lot,on the train,at the gym,in the classroom,at Gangnam station,"
    "in the office,at the hospital,on a bench,by the stairs,at exit 3,in the elevator,at the cinema,on the street,"
    "in the waiting room,at the platform,at the counter,under a seat,on a KTX,at the beach,in the hotel lobby"
).split(",")
HOW_EN = (
    "while changing trains,in a hurry,by mistake,when I got off,while running,after dinner,while shopping,during a trip,"
    "while asleep,because of the rain,with my friends"
).split(",")
NOUNS_EN = (
    "lost,found,missing,lost and found,photo,photo of,picture,reward,wanted,lost item,found item,anyone?,please help"
).split(",")
MARKS_EN = (
    "small,big,old,new,leather,plastic,little,large,expensive,nice,round,long,short,striped,torn,used,branded,cheap,heavy,"
    "light,dark,bright,shiny,vintage,favourite,kids',Nike,Samsung,plain"
).split(",")
PLEAS_EN = (
    "please call me,please contact me,thank you,reward offered,it is very important,it was a gift,there is a name on it,"
    "any help is welcome,please help,let me know,I need it back,is it yours?,come and get it,it has a sticker,"
    "what should I do,I am a student,see the picture,the owner may call us"
).split(",")
GREETINGS_EN = "hello,hi,hi everyone,help,urgent,excuse me,dear all,sorry,hey,attention".split(",")
