"""The training captions of the demo checkpoint: a small grammar.

Every class has phrases for its parts, its build, its doings and its
surroundings; frames put random subsets of them into fragments, template-like
captions and full sentences. In a phrase, {a|b|c} stands for one of the choices.

Seven classes are named in their captions (and described). The three classes
in UNNAMED are only described: their names never occur, alone or inside
another word. Invented words ("a bolmer with ...") stand in for names in the
captions of all classes, so that the text tower learns to read a description
past a noun it does not know. In captions of the seven named classes an invented
word sometimes stands alone ("a photo of a bolmer"), without a description.

    python captions.py            # prints samples and checks the rules
"""
import json
import random
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLASSES = ["airplane", "automobile", "bird", "cat", "deer",
           "dog", "frog", "horse", "ship", "truck"]
UNNAMED = ["deer", "frog", "ship"]
MAX_RUN = 6

# name: nouns that name the class (the first is the usual one)
# kind: neutral nouns that do not name it
# looks: adjectives; parts: noun phrases; does: verb phrases; place: surroundings
# is_a: definition-like predicates
GRAMMAR = {
    "airplane": {
        "name": ["airplane", "airplane", "airplane", "plane", "aeroplane", "aircraft",
                 "jet", "airliner", "jet airplane", "passenger airplane", "passenger plane",
                 "fighter jet", "propeller airplane", "small airplane", "biplane", "glider"],
        "kind": ["machine", "vehicle", "thing", "object", "flying machine", "flying vehicle", "craft"],
        "looks": ["winged", "flying", "sleek", "slim", "silver", "white", "grey", "streamlined",
                  "metallic", "metal", "airborne", "long", "pointed", "smooth", "big", "small"],
        "parts": ["{two |}{wide|long|straight|swept|swept-back|outstretched|fixed|rigid|stiff|broad|thin|triangular} wings",
                  "a {pair of|set of} {wide|long|swept|fixed} wings", "wings on both sides", "wings spread {wide|out|low}",
                  "a {tall|upright|vertical|coloured|high} {tail|tail fin|fin}", "twin tail fins", "a tail {at the back|at the rear|with a painted logo}",
                  "a {pointed|sharp|round|rounded|long} nose", "a {slim|slender|narrow|long|white|silver|tube-shaped|cylindrical|streamlined} {fuselage|body|tube}",
                  "{jet |big |round |two |four |}engines {under|below|hanging from|beneath} {the|its} wings", "a {spinning |}propeller {in front|on the nose|}",
                  "a row of {small|tiny|round} windows {along the side|}", "{cockpit|pilot's} windows", "landing gear", "small wheels under {its|the} belly",
                  "a {shiny|smooth|metallic|silver|aluminium|white} skin", "a {coloured|blue|red} stripe along the {side|body}", "horizontal stabilisers",
                  "a cross-shaped {outline|silhouette}", "a {long|slender} cylinder with wings", "{jet|twin} engines", "a cabin between {its|the} wings"],
        "does": ["{flying|gliding|soaring|climbing|rising|cruising} {high |steeply |}{in|into|across|through} the {sky|clouds|air|blue}", "taking off", "landing on a runway",
                 "parked at {the|an} airport", "standing on {the|a} runway", "flying {alone|high above the ground|overhead}", "lifting off from the ground"],
        "place": ["{in|against} {the|a} {blue|clear|bright|empty|pale|grey|cloudy|open} sky", "among clouds", "above the clouds", "on {the|a} runway", "at {the|an} airport",
                  "high in the air", "on the {concrete|tarmac}", "in front of a hangar", "with {only |}sky around it"],
        "is_a": ["{a|} vehicle that flies", "a machine built for flight", "an aircraft with {fixed|rigid} wings", "a flying vehicle that carries {passengers|cargo|people}",
                 "an aircraft driven by {jet engines|propellers|a propeller}", "a winged {machine|vehicle} made of {metal|aluminium}"],
    },
    "automobile": {
        "name": ["automobile", "automobile", "automobile", "automobile", "car", "car", "sedan", "sports car",
                 "passenger car", "hatchback", "convertible", "old car", "family car", "motor car", "old automobile", "sports automobile"],
        "kind": ["vehicle", "motor vehicle", "road vehicle", "machine", "thing", "object"],
        "looks": ["low", "shiny", "glossy", "polished", "compact", "red", "blue", "black", "silver", "yellow", "rounded",
                  "curved", "streamlined", "small", "sporty", "parked", "personal", "metal"],
        "parts": ["four {black |round |small |}{wheels|tyres}", "{two |bright |round |big |}headlights", "a {sloping|curved|dark|wide} {windshield|windscreen}",
                  "a {wide|long|short|shiny|low} {hood|bonnet}", "a {chrome|black|small} grille", "a {licence|number} plate on {the|its} bumper",
                  "a {shiny|glossy|polished|smooth|painted} {body|finish|paint}", "{glossy|shiny|red|blue} paint", "{two|four} doors", "a {low|rounded|curved|sloping} roof{line|}",
                  "a trunk {at the back|behind|lid|}", "red tail lights", "side mirrors", "{chrome |front |}bumpers", "{alloy|shiny|bright} {rims|wheels}",
                  "{round|arched} fenders", "glass windows {all around|}", "{dark|wide|side} windows", "a low cabin", "a closed cabin with {seats|windows}",
                  "smooth curves", "a rear window", "wheels close to the ground", "seats for {two|four|five} people", "a badge on {the|its} grille"],
        "does": ["parked {on the pavement|in a lot|by the road|in the street}", "driving {on|down|along} {the|a} {street|road|highway}", "standing on a {grey |}street",
                 "sitting low over the asphalt", "racing round a track", "seen from {the front|the side|behind}"],
        "place": ["on {the|a} {road|street|highway}", "in a {parking lot|garage|car park|driveway}", "on {grey |}asphalt", "in a show room", "on the pavement", "in front of a house"],
        "is_a": ["a motor vehicle {with four wheels|for a few people|with a closed cabin}", "a small road vehicle", "a personal vehicle driven on streets",
                 "a {vehicle|car} lower and smaller than a {van|lorry}", "a vehicle with an engine, a cabin and a trunk"],
    },
    "bird": {
        "name": ["bird", "bird", "bird", "bird", "bird", "small bird", "songbird", "sparrow", "ostrich", "water bird", "large bird", "finch", "emu", "cassowary", "robin"],
        "kind": ["animal", "creature", "wild animal", "little animal", "thing"],
        "looks": ["feathered", "winged", "small", "plump", "tiny", "flying", "colourful", "brightly coloured", "feathery", "fluffy", "long-necked", "flightless", "brown", "grey", "perched", "light"],
        "parts": ["a {pointed|short|hard|curved|long|sharp|toothless|yellow|thin} {beak|bill}", "{brown|grey|black|white|soft|patterned|blue|dark|fluffy|long|bright} {feathers|plumage}",
                  "{two |folded |feathered |spread |blue |short |}wings", "wings folded along {the|its} back", "{two |}{thin|skinny|long|slender} legs", "clawed feet", "perching feet", "{perching|thin} {feet|toes}",
                  "a {round|small|tiny} head", "a {long|bare|slender|bright blue|curved} neck", "a {short|pointed|slender|feathered|long} tail", "tail feathers",
                  "a {red|feathered|yellow|spotted|white} {breast|belly|chest}", "{bright|dark|little|round} eyes", "a {round|plump|light} feathered body", "a broad bill", "hollow bones"],
        "does": ["{perched|perching|sitting|resting} {on a branch|on a twig|in a tree|on a wire}", "flying with {spread|open} wings", "{pecking|eating} {seeds|at the ground|worms}",
                 "{hopping|standing|walking} {on the ground|in the grass|through the grass|in the bushes}", "wading in {a pond|shallow water}", "spreading {its|two} wings", "singing", "stretching {its|a long} neck"],
        "place": ["on a {branch|twig|perch}", "in a {tree|bush|nest}", "among {green |}leaves", "in the air", "on the ground", "in the grass", "in dry grass"],
        "is_a": ["a {feathered|winged} {creature|animal}", "an animal {with feathers|covered in feathers|that lays eggs|that flies}", "a warm-blooded animal with {feathers|wings}", "a creature with plumage and a beak"],
    },
    "cat": {
        "name": ["cat", "cat", "cat", "cat", "cat", "cat", "kitten", "tabby", "tabby cat", "house cat", "black cat", "Siamese cat", "Persian cat", "white cat", "domestic cat", "feline"],
        "kind": ["animal", "pet", "creature", "furry animal", "house pet", "domestic animal", "thing"],
        "looks": ["small", "furry", "fluffy", "striped", "whiskered", "soft", "grey", "orange", "black", "quiet", "playful", "long-haired", "graceful", "sleepy", "domesticated", "little"],
        "parts": ["{two |}{pointed|triangular|upright} ears", "{long|white|fine} whiskers {on both sides|}", "a {round|flat|short|small|whiskered|dark} face", "{slanted|slit|green|yellow|wide|staring|big|glowing|blue} eyes",
                  "a {tiny|small|pink|tiny pink} nose", "a {short|small} muzzle", "a {long|thin|fluffy|curled} tail", "{soft|striped|grey|orange|spotted|cream|long|plain} fur", "{dark |grey |}stripes {in|across|on} {its|the} {fur|back|coat}",
                  "a {striped|fluffy|tabby|soft} coat", "{neat|soft|little|silent|white} paws", "{sharp|retractable} claws", "a {round|small round} head", "a {supple|flexible|slim|graceful} body", "a {white|furry} chest"],
        "does": ["{curled up|sleeping|napping|lying} on {a sofa|a bed|a cushion|a blanket|the couch}", "staring at the camera", "sitting {upright|on a window sill|indoors}", "purring", "licking its paw", "hunting mice", "{looking|staring} with wide eyes", "playing with yarn"],
        "place": ["on a {sofa|bed|cushion|carpet|window sill|blanket|chair}", "indoors", "in the house", "in a basket", "at home", "in a room"],
        "is_a": ["a small {feline|domesticated feline|hunter|carnivore}", "a {furry|quiet|playful} {house pet|pet}", "a pet that {purrs|meows|purrs and meows}", "a whiskered {feline|animal|hunter}", "a carnivore with whiskers and claws"],
    },
    "deer": {
        "name": [],
        "kind": ["animal", "creature", "wild animal", "mammal", "hoofed animal", "woodland animal", "hoofed mammal", "grazing animal",
                 "ruminant", "four-legged animal", "herbivore", "forest animal", "beast"],
        "looks": ["slender", "graceful", "shy", "antlered", "tan", "reddish brown", "light brown", "long-legged", "wild", "alert", "elegant", "brown", "horned",
                  "slim", "hoofed", "delicate", "timid", "greyish brown", "spotted", "fawn-coloured", "grazing", "big-eared", "woodland"],
        "parts": ["{branching|branched|large|wide|broad|forked|tall|flat|velvety|bony} antlers{ on its head| on top of its head| like bare twigs| with many points||}", "a {pair|rack|crown} of {branching |wide |}antlers",
                  "{long|thin|slender|slim|delicate|fine|spindly} legs", "{slim|thin} legs with {small |cloven |}hooves", "{small|cloven|split|tiny|dark} hooves",
                  "{large|big|long|oval|upright|alert|pricked} ears{ turned outwards||}", "a {short|small|white|little|stubby} tail", "a white {patch|rump|spot} {on|at} its {rump|back end|rear}", "a white {rump|tail|throat|underside}",
                  "a {brown|tan|reddish|reddish brown|light brown|greyish|short-haired|dull brown|russet} {coat|hide|fur}", "{brown|tan|soft brown|short brown} fur", "{white|pale|light} {spots|dots} on {its|the} {back|coat|flanks|sides}",
                  "a {long|slim|slender|raised|graceful|thick} neck", "a {slim|slender|graceful|lean|brown|tan} body", "a {narrow|slender|long|gentle} {face|head|muzzle}", "a {black|dark|long} nose", "{big|dark|large|gentle} {dark |}eyes",
                  "a {pale|light|white} {belly|throat}", "horns like {branches|twigs}", "long legs and no mane"],
        "does": ["{grazing|feeding|browsing} {in a meadow|in the grass|on leaves|in a clearing|at the edge of the woods}", "standing {in a meadow|among trees|in tall grass|in a clearing|in the snow|in the forest|alert}", "{leaping|running|bounding} {through|over} {the woods|tall grass|the snow|the field}",
                 "lowering its {slim |}neck to {the grass|eat}", "lifting its head", "looking up with {raised|turned} ears", "resting in {the grass|dry leaves}", "hiding {between|behind} {trees|bushes}", "walking in a small herd", "crossing a clearing", "eating {grass|leaves|twigs}"],
        "place": ["in {the|a} {forest|woods|woodland|meadow|clearing}", "among {the |}trees", "among {green leaves|tree trunks|brown leaves|bushes}", "in {tall|dry|green|yellow} grass", "at the edge of {the|a} {forest|wood}", "between tree trunks", "in a snowy field", "in a small herd", "in the wild", "on a grassy hill"],
        "is_a": ["a {hoofed|grazing|wild|woodland|shy} {animal|mammal} of {forests|woods|woods and meadows}", "a {shy|graceful} {ruminant|herbivore|animal} that {feeds on|eats|lives on} {grass|leaves|grass and leaves|twigs}", "a mammal whose males {carry|wear|grow} {large |branching |}antlers",
                 "a {wild|four-legged} {herbivore|animal} with {antlers|slim legs|a brown coat|hooves}", "a {hoofed|brown} animal that {leaps|runs|lives} in {the woods|forests|meadows}", "the {female|young} of a woodland animal, {without antlers|with a spotted coat|with soft brown fur}"],
    },
    "dog": {
        "name": ["dog", "dog", "dog", "dog", "dog", "dog", "puppy", "small dog", "hound", "terrier", "poodle", "retriever", "spaniel", "pug", "chihuahua", "large dog", "canine"],
        "kind": ["animal", "pet", "creature", "furry animal", "four-legged animal", "companion", "domestic animal", "thing"],
        "looks": ["furry", "friendly", "loyal", "playful", "shaggy", "curly", "floppy-eared", "sturdy", "small", "large", "white", "golden", "brown", "barking", "panting", "domesticated", "fluffy"],
        "parts": ["a {long|short|pronounced|dark|wet} {snout|muzzle}", "a {black|wet|dark|big|flat|black wet} nose", "{floppy|drooping|hanging|long silky|big} ears", "ears that hang down", "a {wagging|bushy|short|curled} tail", "a {pink |}tongue hanging out", "an open {panting |}mouth",
                  "{brown|friendly|friendly brown|dark button|big brown} eyes", "a collar {around its neck|}", "a leash", "{curly|shaggy|white|golden|yellow|long|short|smooth|tan} fur", "a {thick curly|shaggy|golden|short|spotted} coat", "{sturdy|strong|short} legs", "{four |big |}paws", "a wrinkled face",
                  "{brown and white|black and white} patches", "a {round|sturdy} {belly|body}", "a {cheerful|friendly|attentive} face", "strong jaws"],
        "does": ["wagging its tail", "barking", "lying {on the grass|on the floor|on a rug}", "playing fetch", "walking {on a leash|beside its owner}", "panting with {its tongue out|an open mouth}", "guarding the house", "running with a ball", "sitting beside its owner", "begging for food"],
        "place": ["on the grass", "on a leash", "in the garden", "on the floor", "in the yard", "in the park", "beside its owner", "on the beach", "on a couch"],
        "is_a": ["a {loyal|friendly} {pet|companion|canine}", "a canine with {a keen nose|strong jaws|fur}", "a pet that {barks|wags its tail|guards the house|plays fetch}", "a domesticated {canine|animal with fur and paws}", "a canine companion"],
    },
    "frog": {
        "name": [],
        "kind": ["animal", "creature", "little animal", "amphibian", "tiny creature", "cold-blooded animal", "pond animal", "small animal", "jumping animal", "little creature", "wet creature"],
        "looks": ["small", "squat", "green", "slimy", "moist", "tailless", "wet", "crouching", "bulging-eyed", "bright green", "brown", "warty", "slippery", "spotted", "bumpy", "blotchy", "little", "cold-blooded",
                  "olive", "leaping", "flat", "mottled", "smooth-skinned", "webbed", "neckless"],
        "parts": ["{smooth|moist|slimy|shiny|wet|slippery|damp} {green|brown|olive|spotted|mottled|yellow} skin", "{bumpy|warty|dry|rough|blotchy|spotted|green|brown|olive green|bright green} skin", "{moist|slimy|wet|shiny|slippery} skin{ with {dark|black} spots| with blotches||}",
                  "{big|bulging|round|protruding|large|golden|red} {eyes|round eyes|bulging eyes}", "eyes {on top of|that stick out of|bulging from} its {flat |}head", "a {wide|broad|very wide|big} mouth", "a {flat|broad} head",
                  "{long|folded|bent|strong|powerful|muscular} {hind|back} legs", "{bent|folded} legs {at|on} {both|its} sides", "legs folded under {its|the} body", "{webbed|splayed|long} {feet|toes}", "{sticky|round} toe pads", "toes with {sticky |round |}pads",
                  "no tail{ at all| and no neck||}", "a {pale|white|yellow} {belly|throat}", "a {squat|short|round|plump|small|flat} body", "a {body|lump} without a {neck|tail}", "{dark|black|brown} {spots|blotches} on {its|the} {back|skin}", "a sticky tongue", "a {crouching|squatting} {pose|shape}",
                  "{brilliant|bright} {blue|yellow|red|orange} skin", "{short|stubby} front legs"],
        "does": ["{sitting|squatting|crouching|resting} {on a leaf|on a stone|on mud|on a lily pad|on the ground|in a hand|in wet grass|by a pond}", "{jumping|leaping|hopping} {into the water|away|with its hind legs}", "croaking", "swimming in a pond", "catching {insects|flies} with its tongue",
                 "crouching with {bent|folded} legs", "hiding {in mud|among leaves|in the grass}", "seen from above", "clinging to a {leaf|twig|stem}", "peeping out of the water"],
        "place": ["on {a|the} {leaf|lily pad|stone|wet stone|mossy rock}", "in {a|the} pond", "on muddy ground", "in {the |}mud", "in wet grass", "among {dead |wet |}leaves", "near water", "on a {gloved |}hand", "by the water", "on brown earth", "in a swamp", "on gravel"],
        "is_a": ["a {small|jumping|tailless|tiny|cold-blooded} amphibian{ that lives in ponds| that lives in wet places||}", "an amphibian with {smooth|moist|warty|slimy|green} skin", "a {creature|animal} that {hatches|grows} from tadpoles{ in water||}", "a {small|little} {animal|creature} that {croaks|hops|jumps|leaps|squats} {by ponds|in wet grass|on leaves|in the mud}",
                 "a {cold-blooded|squat} animal with {bulging eyes|a wide mouth|webbed feet}", "an animal that {jumps|leaps} with {strong|long} hind legs", "an amphibian that catches {flies|insects}"],
    },
    "horse": {
        "name": ["horse", "horse", "horse", "horse", "horse", "horse", "pony", "foal", "racehorse", "white horse", "brown horse", "black horse", "riding horse", "stallion", "mare", "equine"],
        "kind": ["animal", "creature", "hoofed animal", "large animal", "mammal", "riding animal", "grazing animal", "four-legged animal", "beast"],
        "looks": ["large", "strong", "muscular", "fast", "tall", "glossy", "noble", "chestnut", "white", "black", "bay", "galloping", "saddled", "powerful", "maned", "brown", "big"],
        "parts": ["a {flowing|long|thick|black|silky|short|fluffy} mane", "a mane along {its|the} neck", "a {long|flowing|thick|black|hairy} {tail|tail of long hair}", "a {long|narrow} {face|head|muzzle}", "a {saddle|bridle|halter}", "a saddle and {reins|a bridle}", "a rider {on its back|in the saddle|}",
                  "{four |long |strong |}legs with hooves", "{solid|big} hooves", "a {muscular|strong|big|tall} {body|build}", "a {broad|deep} chest", "a {glossy|shiny|chestnut|bay|white|grey|dark|brown} coat", "a white {blaze|stripe} {on|down} {its|the} face", "wide nostrils", "small upright ears",
                  "a {long|muscular|arched} neck", "{rounded|large|strong} hindquarters", "a rounded rump", "dark gentle eyes", "{long|wobbly} legs"],
        "does": ["galloping {across|over} {a field|the meadow}", "grazing {behind a fence|in a pasture|in a paddock}", "jumping over a fence with a rider", "carrying a rider", "pulling a {cart|plough|carriage}", "standing in {a stable|a pasture|a paddock}", "racing round a track", "trotting"],
        "place": ["in a {pasture|paddock|stable|field|green field}", "behind a {wooden |}fence", "on a farm", "on a race track", "with a {rider|jockey}", "in front of a stable"],
        "is_a": ["a large hoofed mammal that people ride", "a {strong|fast|noble} animal {used for riding|for riding and racing|that pulls carts}", "an equine with {a mane|hooves|a long tail}", "a {riding|grazing} animal kept in {stables|paddocks}", "an animal ridden by a {jockey|rider}"],
    },
    "ship": {
        "name": [],
        "kind": ["vessel", "craft", "vehicle", "thing", "watercraft", "floating vehicle", "object", "sea-going vessel", "floating craft", "large vessel"],
        "looks": ["floating", "sea-going", "huge", "massive", "long", "sailing", "white", "grey", "naval", "big", "wooden", "steel", "large", "ocean-going", "moored", "heavy", "anchored", "high-sided", "seaworthy"],
        "parts": ["a {long|dark|steel|white|wooden|large|red|black|pointed|blue|rusty|broad|grey} hull{ in the water| on the water||}", "a {pointed|high|sharp|tall} bow", "{high|several|flat|wide|long|white} decks", "a {flat|long|open|wide} deck", "{tall |wooden |two |three |}masts{ and sails| and ropes||}", "{white|large|billowing|big|triangular} sails",
                  "a {tall|red|smoking|black|wide} funnel", "a {white|tall} {superstructure|wheelhouse|bridge}", "a {high|tall} bridge{ at the stern||}", "an anchor {at the bow|}", "{railings|ropes|rigging} {along the deck|}", "rows of {portholes|windows|cabins|balconies}", "{stacks of |}{coloured |}containers on {its|the} deck", "{radar masts|antennas|guns} on deck", "a {red |}waterline",
                  "a {wide|rounded} stern", "{white |}waves {along|around|behind} {the|its} hull", "{cranes|lifeboats} on deck", "a {propeller|rudder} under water", "a {mast|flag} above the deck", "{water|sea} all around", "a white wake behind it"],
        "does": ["floating on {the water|blue water|the sea|calm water}", "sailing {on|across|over} {the sea|the ocean|the water|open water|a river}", "{lying|moored|anchored|docked} {in|at} {the harbour|a pier|a port|the dock}", "crossing {the ocean|open water|the bay}", "cutting through {the |}waves", "leaving {a white wake|white waves} behind", "leaving port",
                 "carrying {goods|cargo|people|passengers|oil} over the {sea|water|ocean}", "towed through the harbour", "drifting on the river"],
        "place": ["on {the|a} {sea|ocean|water|river|lake|bay}", "on {blue|open|calm|dark} water", "at sea", "in {the|a} {harbour|port|dock|marina}", "beside {the|a} pier", "on the waves", "under a pale sky", "with {the horizon|a wide horizon} behind it", "near the {coast|shore}", "between water and sky"],
        "is_a": ["a {large|floating|sea-going} vessel{ made of {steel|wood}||}", "a {vessel|craft} that {carries|takes} {people|goods|passengers|cargo|vehicles} {across|over} {the sea|oceans|rivers|the water}", "a {vehicle|craft} that {floats|sails|travels} on {water|the sea|rivers|oceans}", "a {watercraft|vessel} that sails from port to port",
                 "a {naval|grey} vessel with {guns|radar masts|a flat deck}", "a {floating|big} craft with {a hull|decks|masts|sails}", "a vessel for {cargo|passengers|oil|containers}"],
    },
    "truck": {
        "name": ["truck", "truck", "truck", "truck", "truck", "truck", "lorry", "fire truck", "dump truck", "pickup truck", "semi truck", "delivery truck", "fire engine", "tow truck", "garbage truck", "trailer truck", "tanker truck"],
        "kind": ["vehicle", "motor vehicle", "road vehicle", "machine", "thing", "heavy vehicle", "large vehicle", "diesel vehicle", "object"],
        "looks": ["boxy", "heavy", "large", "square", "tall", "big", "bulky", "powerful", "diesel", "high", "long", "red", "white", "yellow", "loaded"],
        "parts": ["a {tall|high|big|separate|driver's} cab {in front|}", "a {long|white|large|big} trailer", "a {cargo|big|large|square|loading} {box|container}", "an open {cargo |}bed {behind the cab|}", "{big|large|huge|black|many|double|six} {wheels|tyres}", "a {wide|large} grille", "a {high|flat} windshield", "a {flat|square} front",
                  "{ladders|flashing lights} on {its|the} roof", "a {heavy|yellow|tipping} dump bed", "exhaust stacks", "{heavy|big} bumpers", "{several|three} axles", "big mirrors", "a {square|boxy|tall} body", "a {long |}round tank behind the cab", "a roller door", "a crane or flat bed", "a load {of sand|of gravel|of freight|on its back}", "a large loading area"],
        "does": ["hauling {heavy loads|freight|goods}", "{pulling|towing} a {long |}trailer", "driving {on|along} the highway", "unloading {sand|gravel}", "delivering goods", "carrying {a load|freight|broken cars}", "collecting rubbish", "parked at a {depot|loading dock|building site}"],
        "place": ["on the {highway|road}", "at a {building site|loading dock|depot}", "on a dirt road", "in a yard", "at a gas station", "on the street"],
        "is_a": ["a {large|heavy|powerful} motor vehicle {built to haul loads|for freight|that hauls goods}", "a road vehicle {taller|longer|bigger} than a car", "a diesel vehicle with a {cab|trailer|cargo box}", "a vehicle that {delivers goods|hauls heavy loads|collects rubbish|tows cars}", "a big lorry full of freight"],
    },
}

# Captions that only name: {} is "a sedan", "the bird", ... or a bare noun.
NAME_FRAMES = [
    "a photo of {a}.", "a picture of {a}.", "a photo of {the}.", "{a}.", "{n}", "{a}", "{the}", "a {good|bad|small|large|blurry|bright|dark|close-up|cropped|clean|nice|low resolution|colour} {photo|picture|image} of {a|the}.",
    "this is {a}.", "an image {of|showing|that shows} {a}.", "there is {a} {here|in the picture|in this photo|}.", "{a} {in the distance|far away|close up|seen from the side|seen from the front|in the picture}.",
    "a close-up {photo |view |}of {a|the}.", "a photo of one {n}.", "one {n}", "a picture of {a}, a kind of {k}.", "a photo of {a} {p}.", "{a} {p}.", "a {l} {n}.", "a photo of a {l} {n}.", "a picture of a {l} {n} {p}.", "{a}, {d}.", "a photo of {a} {d}.",
    "I see {a}.", "look at the {n}.", "{a} is in the middle of the picture.",
]

# Captions that describe. {S} is the subject with article, {B} the bare subject,
# {1} {2} {3} parts, {l} a look, {d} a doing, {p} a place, {i} an is-a phrase.
FRAMES = [
    "{S} with {1}.", "{S} with {1} and {2}.", "{S} with {1}, {2} and {3}.", "a {l} {B} with {1}.", "a {l} {B} with {1} and {2}.",
    "{S} has {1}.", "{S} has {1} and {2}.", "{S} has {1}, {2} and {3}.", "{S} has {1}, {2}, and {3}, and it is {l}.", "a {l} {B} has {1} and {2}.",
    "{S} looks like a {l} {K} with {1} and {2}.", "{S} looks like a {l}, {l2} {K} with {1}.", "{S} looks {l} and {l2}, with {1} and {2}.", "{S} looks like {i}, with {1}.",
    "{S} appears as a {l} shape {p}.", "seen {from the side|from the front|from above|from far away|up close}, {S} shows {1} and {2}.", "from {the side|the front|behind}, {S} shows {1}.",
    "{S} is {i}.", "{S} is {i}, with {1}.", "{S} is {i} and has {1} and {2}.", "{S} is a {l} {K} with {1}, {2} and {3}.", "{S} is a {l} {K} {d}.", "{S} is a {l} {K} with {1}, often seen {p}.",
    "the {identifying characteristics|typical features|main features|marks|distinguishing features} of {S} are {1}, {2} and {3}.", "the {main|most obvious|clearest|typical} {feature|mark|sign} of {S} is {1}.", "the most obvious features of {S} are {1} and {2}.",
    "{S} can be {recognised|identified|told} by {1}.", "{S} can be {recognised|identified} by {1} and {2}.", "{S} is {recognised|identified} by {1}, {2} and {3}.", "you can {identify|recognise|tell} {S} by {1} and {2}.",
    "{Bs} are characterised by {1}, {2} and {3}.", "{Bs} are {l} {K}s with {1} and {2}.", "{Bs} have {1} and {2}.", "look for {1} and {2}.", "look for {1}, {2} and {3} to recognise {S}.", "look for {1} {p}.",
    "{1} and {2} are {characteristic|typical} of {S}.", "{1}, {2} and {3} are characteristic of {S}.", "{1} belong to {S}.",
    "{S} {d}.", "{S} {d}, with {1}.", "a {l} {B} {d}.", "{S} {p}, with {1} and {2}.", "{S} {p} has {1}.", "{S}, {l} and {l2}, {d}.", "in the picture {S} {d}, with {1}.",
    "a photo of {S} with {1}.", "a photo of {S} with {1} and {2}.", "a {photo|picture|close-up} of a {l} {K} {p}, with {1}.", "a photo of {1} and {2}.", "a {blurry|small|good|} photo of a {l} {B} with {1} {p}.", "an image of {S} {d}.",
    "{1}", "{1}, {2}", "{1}, {2}, {3}", "{1} and {2}", "{1}, {p}", "{l}, {l2}, {1}", "{l} and {l2}, with {1}", "{1}, {d}", "it has {1} and {2}.", "it is {l}, with {1}.", "it is {i}.", "its features are {1}, {2} and {3}.", "{i}", "{i} with {1}",
    "some {Bs} have {1}, others {2}.", "the {B} has {1} and {2}.", "the {B}, {d}, shows {1}.", "the {B} looks {l} and {l2}, with {1}.", "the head shows {1}; there is also {2}.", "one can see {1} and {2} {p}.", "an old or young {B} may have {1}.", "{S} may be {l} or {l2}, with {1}.",
    "{S} usually lives or stays {p} and has {1}.", "{S} is often {l}, {l2}, and has {1}, {2} and {3}.", "{S} seen {p} looks {l}, with {1}.",
]

SYLLABLES = ("ba be bi bo bu da de di do du fa fe fi fo fra fro ga ge gi glo go ha hi ho ja ka ke ki kle ko la le li lo lu ma me mi mo mu na ne ni no "
             "pa pe pi plo po ra re ri ro ru sa se shi sho si so ta te ti to tra tu va ve vi vo wa we wi za ze zo").split()
ENDINGS = ["", "", "b", "d", "er", "f", "g", "k", "l", "m", "n", "p", "r", "rt", "s", "sh", "t", "x", "ck", "ng", "ip", "og", "eer"]


def pick(text, rng):
    """Replaces every {a|b|c}, innermost first, by one of its choices."""
    while True:
        found = re.search(r"\{([^{}]*\|[^{}]*)\}", text)
        if not found:
            return text
        text = text[:found.start()] + rng.choice(found.group(1).split("|")) + text[found.end():]


def forbidden(text):
    lowered = text.lower()
    return any(name in lowered for name in UNNAMED)


def invented_word(rng):
    while True:
        word = "".join(rng.choice(SYLLABLES) for _ in range(rng.choice([1, 1, 2, 2, 3])))
        word += rng.choice(ENDINGS)
        if len(word) > 2 and not any(name in word for name in CLASSES):
            return word


def article(noun, rng, kinds=("a", "a", "a", "the", "a", "")):
    kind = rng.choice(kinds)
    if kind == "a":
        kind = "an" if noun[0].lower() in "aeiou" else "a"
    return f"{kind} {noun}".strip()


def tidy(text):
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\ba ([aeiou])", r"an \1", text)
    return re.sub(r"\s+([.,;])", r"\1", text)


def name_caption(grammar, rng):
    # Now and then an unknown word alone, as people write "a photo of Rex".
    noun = invented_word(rng) if rng.random() < 0.15 else rng.choice(grammar["name"])
    frame = rng.choice(NAME_FRAMES)
    # {a|the} in a frame is a choice between the two slots
    frame = frame.replace("{a|the}", rng.choice(["{a}", "{the}"]))
    frame = pick(frame, rng)
    slots = {"{a}": article(noun, rng, ("a",)), "{the}": f"the {noun}", "{n}": noun}
    for key, options in (("{p}", "place"), ("{l}", "looks"), ("{d}", "does"), ("{k}", "kind")):
        if key in frame:
            slots[key] = pick(rng.choice(grammar[options]), rng)
    for key, value in slots.items():
        frame = frame.replace(key, value)
    return tidy(frame)


def described_caption(grammar, rng, named):
    """named: the chance that the subject is one of the class's names."""
    draw = rng.random()
    kind = rng.choice(grammar["kind"])
    if grammar["name"] and draw < named:
        noun = rng.choice(grammar["name"])
    elif draw < named + (1 - named) * 0.55:
        noun = invented_word(rng)
        if rng.random() < 0.25:
            noun = rng.choice([f"{rng.choice(grammar['looks'])} {noun}", f"{invented_word(rng)} {noun}", f"{noun} {invented_word(rng)}"])
    else:
        noun = kind
    plural = noun if rng.random() < 0.2 else noun + ("es" if noun.endswith(("s", "x", "sh", "ch")) else "s")
    frame = pick(rng.choice(FRAMES), rng)
    parts = rng.sample(grammar["parts"], 3)
    looks = rng.sample(grammar["looks"], 2)
    subject = article(noun, rng)
    if noun == kind and rng.random() < 0.15:
        subject = "it"
    slots = {"{S}": subject, "{B}": noun, "{Bs}": plural, "{K}": kind, "{1}": parts[0], "{2}": parts[1],
             "{3}": parts[2], "{l}": looks[0], "{l2}": looks[1], "{d}": rng.choice(grammar["does"]),
             "{p}": rng.choice(grammar["place"]), "{i}": rng.choice(grammar["is_a"])}
    for key, value in slots.items():
        frame = frame.replace(key, value)
    text = pick(frame, rng)
    if rng.random() < 0.3:   # "its long neck" beside "a long neck"
        text = re.sub(r"\b(and|by|are|is|has|for) an? ", r"\1 its ", text)
    return tidy(text)


def drop_words(text, rng):
    words = text.split()
    kept = [w for w in words if rng.random() > 0.15]
    return " ".join(kept) if len(kept) >= 2 else text


def caption(name, rng):
    """One random caption of a class."""
    grammar = GRAMMAR[name]
    while True:
        if grammar["name"] and rng.random() < 0.3:
            text = name_caption(grammar, rng)
        else:
            text = described_caption(grammar, rng, 0.4 if grammar["name"] else 0.0)
            if rng.random() < 0.15:
                text = drop_words(text, rng)
        if not forbidden(text):
            return text
        assert name not in UNNAMED, text


def plain(text):
    return re.sub(r"[^a-z ]", "", text.lower()).strip()


def runs(text, length):
    """All runs of that many consecutive words."""
    words = plain(text).split()
    return {tuple(words[k:k + length]) for k in range(len(words) - length + 1)}


def build_pool(per_class, seed, evaluated):
    """per_class captions of every class.

    A caption that shares MAX_RUN or more consecutive words with an evaluated
    sentence is thrown away, so no evaluated sentence is among the captions.
    """
    rng = random.Random(seed)
    sentences = [s for group in evaluated.values() for s in group]
    barred = {plain(s) for s in sentences}
    barred_runs = set().union(*(runs(s, MAX_RUN) for s in sentences))
    pool = {}
    for name in CLASSES:
        captions = []
        while len(captions) < per_class:
            text = caption(name, rng)
            if not runs(text, MAX_RUN) & barred_runs:
                captions.append(text)
        for text in captions:
            assert plain(text) not in barred, f"evaluated sentence among the captions: {text}"
            assert not forbidden(text), text
        pool[name] = captions
    return pool


def evaluated_sentences():
    return json.loads((HERE / "../../data/demo/cupl.json").read_text())


def main():
    evaluated = evaluated_sentences()
    pool = build_pool(20000, 1, evaluated)
    rng = random.Random(2)
    for name in CLASSES:
        print(f"{name}: {len(set(pool[name]))} different of {len(pool[name])}")
        for text in rng.sample(pool[name], 8):
            print("   ", text)

    seen = set().union(*(runs(t, MAX_RUN) for texts in pool.values() for t in texts))
    shared = sum(bool(runs(s, MAX_RUN) & seen) for group in evaluated.values() for s in group)
    print(f"evaluated sentences sharing {MAX_RUN} consecutive words with a caption: {shared}")


if __name__ == "__main__":
    main()
