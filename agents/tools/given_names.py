"""Given names that are frequent in Europe and the Americas, in lower case and without accents.

*Source*: lists that the statistical offices of these countries publish, the first ones of each.
"""

from typing import Final

GIVEN_NAMES: Final = frozenset(
    """
    aaron abigail adam adrian agnes aidan aisha alan albert alejandra alejandro alex alexander
    alexandra alexis alfred ali alice alicia allison alma amanda amber amelia amir amy ana andrea
    andreas andres andrew angel angela angelica anita ann anna anne annette anthony antoine anton
    antonio arnaud arthur ashley astrid audrey austin ava axel barbara beatrice beatriz benjamin
    bernard bernd bernhard beth betty beverly birgit bjorn bob bonnie brandon brenda brett brian
    bridget britta brittany bruce bruno bryan caleb cameron camila camille carl carla carlos carmen
    carol caroline catherine cecilia cedric chantal charles charlotte chelsea cheryl chloe chris
    christa christian christina christine christophe christopher cindy claire clara claude claudia
    clemens clement colin colleen connor corinne courtney craig cristina crystal cynthia dale daniel
    daniela danielle david dawn deborah debra denise dennis derek diana diane diego dieter dietmar
    dirk dominic dominique don donald donna doris dorothea dorothy douglas dustin dylan edgar
    eduardo edward elaine elena eleanor eli elias elisabeth elise elizabeth ella ellen elsa emily
    emma emmanuel enrique eric erica erich erik erika erin ernst esther ethan eugene eva evan evelyn
    fabian fabio fabrice fatima felix fernanda fernando florian frances francesca francesco francis
    francisco francois frank franz fred frederic frederick freya friedrich gabriel gabriela
    gabriele gary gavin geoffrey george georg gerald gerard gerhard gertrud gisela giulia giovanni
    giuseppe gloria grace graham greg gregory guillaume guillermo gunter gustavo guy hannah hanna
    hannes hans harald harold harriet harry hassan hayley heather heike heinrich heinz helen helena
    helene helga helmut henri henrik henry herbert hermann holger holly horst howard hugh hugo ian
    ibrahim ignacio ines ingrid irene iris isaac isabel isabella isabelle ivan jack jackie jackson
    jacob jacqueline jacques jaime jake james jamie jan jane janet janice jasmin jasmine jason
    javier jay jean jeff jeffrey jennifer jenny jens jeremy jerome jerry jesse jessica jessie jesus
    jill jim jo joan joanna joanne joao joe joel joerg johan johann johanna johannes john johnny
    jonas jonathan jordan jorg jorge jose josef joseph joshua joyce juan juana judith judy julia
    julian juliana julie julien jurgen justin kai karen karin karl karla katharina katherine
    kathleen kathryn kathy katie katja katrin keith kelly kelsey ken kenneth kerstin kevin kim
    kimberly klara klaus kristen kristin kristina kurt kyle lachlan lara larry lars laura lauren
    laurence laurent lawrence lea leah lee lena leo leon leonard leonie leticia liam lily linda lisa
    lois lorenzo lori louis louise luc luca lucas lucia lucie lucy luis luisa lukas luke lutz lydia
    lynn madison magdalena malte manfred manuel manuela marc marcel marcelo marco marcos marcus
    margaret margarita margot maria marianne marie mariana marilyn mario marion marisol mark markus
    marlene marta martha martin martina marvin mary mason mathias mathieu matteo matthew matthias
    maurice mauricio max maxime megan melanie melissa mercedes meghan mia michael michaela michel
    michele michelle miguel mike mila mohamed mohammad mohammed moritz monica monika monique morgan
    muhammad nadia nancy natalia natalie natasha nathan nathalie neil nicholas nicola nicolas nicole
    niklas nils nina noah noel nora norbert norma norman oliver olivia omar oscar oskar otto owen
    pablo pamela paola pascal patricia patrick patrik paul paula pauline pedro peggy peter petra
    philip philipp philippe phillip phyllis pia pierre priya rachel rafael rainer ralf ralph ramon
    randy raphael raquel raul raymond rebecca regina reinhard renata renate rene ricardo richard
    rita robert roberto robin rodney rodrigo roger roland rolf romain ronald rosa rosemary ross roy
    ruben rudolf russell ruth ryan sabine sabrina sally salvatore sam samantha samir samuel sandra
    sara sarah sascha scott sean sebastian serge sergio seth shannon sharon shawn sheila shirley
    silke silvia simon simone sofia sonia sophia sophie stefan stefanie steffen stella stephan
    stephane stephanie stephen steve steven stuart sue susan susana susanne suzanne sven sylvia
    sylvie tamara tanja tanya tara tatiana taylor teresa terry theo theodor theresa thierry thomas
    thorsten tiffany tim timothy tina tobias todd tom tony torsten tracy travis trevor troy tyler
    udo ulrich ulrike ursula ute uwe valentina valerie vanessa vera veronica veronika victor
    victoria vincent viktor virginia virginie vivian volker walter wanda wayne wendy werner wilhelm
    william wolfgang xavier yasmin yolanda yusuf yvonne zachary zoe
    """.split()  # noqa: SIM905 - a list of words
)
